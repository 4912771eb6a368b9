/* detect.c: endings and first lines. */
#include "data/detect.h"

#include <strings.h>

static bool ends_with(vl_span name, const char *ending)
{
    size_t n = strlen(ending);
    return name.len > n && strncasecmp(name.ptr + name.len - n, ending, n) == 0;
}

vl_data_format vl_format_of_name(const char *path)
{
    static const struct {
        const char *ending;
        vl_data_format format;
    } endings[] = {{".csv", VL_DATA_CSV},     {".tsv", VL_DATA_TSV},    {".tab", VL_DATA_TSV},
                   {".jsonl", VL_DATA_JSONL}, {".json", VL_DATA_JSONL}, {".ndjson", VL_DATA_JSONL},
                   {".txt", VL_DATA_LINES}};
    vl_span name = vl_span_of(path);
    if (ends_with(name, ".gz")) name.len -= 3;
    if (ends_with(name, ".zst")) name.len -= 4;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (ends_with(name, endings[i].ending)) return endings[i].format;
    return VL_DATA_AUTO;
}

static bool is_named(vl_span field, const char *name)
{
    if (field.len >= 2 && field.ptr[0] == '"' && field.ptr[field.len - 1] == '"')
        field = (vl_span){field.ptr + 1, field.len - 2};
    return field.len == strlen(name) && strncasecmp(field.ptr, name, field.len) == 0;
}

/* True if one of the line's fields has that name. */
static bool has_field(vl_span line, char delimiter, const char *name)
{
    const char *p = line.ptr, *end = p + line.len;
    for (;;) {
        const char *stop = memchr(p, delimiter, (size_t)(end - p));
        if (!stop) stop = end;
        if (is_named((vl_span){p, (size_t)(stop - p)}, name)) return true;
        if (stop == end) return false;
        p = stop + 1;
    }
}

/* The first line that is not blank, without its end. */
static vl_span first_line(vl_span bytes)
{
    while (bytes.len && (bytes.ptr[0] == '\n' || bytes.ptr[0] == '\r')) bytes.ptr++, bytes.len--;
    if (bytes.len == 0) return (vl_span){"", 0};
    const char *newline = memchr(bytes.ptr, '\n', bytes.len);
    if (newline) bytes.len = (size_t)(newline - bytes.ptr);
    if (bytes.len && bytes.ptr[bytes.len - 1] == '\r') bytes.len--;
    return bytes;
}

vl_data_format vl_format_of_content(vl_span bytes, const char *text_column)
{
    vl_span line = first_line(bytes);
    if (line.len && line.ptr[0] == '{') return VL_DATA_JSONL;
    if (line.len && has_field(line, '\t', text_column)) return VL_DATA_TSV;
    if (line.len && has_field(line, ',', text_column)) return VL_DATA_CSV;
    return VL_DATA_LINES;
}

size_t vl_bom_length(vl_span bytes)
{
    return bytes.len >= 3 && memcmp(bytes.ptr, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}

bool vl_looks_utf16(vl_span bytes)
{
    if (bytes.len < 4) return false;
    const char *b = bytes.ptr;
    bool little = memcmp(b, "\xFF\xFE", 2) == 0 && b[2] != '\0' && b[3] == '\0';
    bool big = memcmp(b, "\xFE\xFF", 2) == 0 && b[2] == '\0' && b[3] != '\0';
    return little || big;
}
