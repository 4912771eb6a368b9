/* json_shim.cpp: the reading half of json.h over simdjson's DOM. The only file that knows simdjson
 * (its header takes seconds to compile) and the only one in C++; it neither throws nor lets one of
 * simdjson's types out. Writing JSON is json_write.c. */
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <type_traits>

#include <simdjson.h>

extern "C" {
#include "base/json.h"
#include "base/utf8.h"
}

namespace dom = simdjson::dom;

struct vl_json_parser {
    explicit vl_json_parser(size_t max) : max_bytes(max), parser(simdjson::SIMDJSON_MAXSIZE_BYTES)
    {
    }
    size_t max_bytes;
    dom::parser parser;
};

static_assert(sizeof(dom::element) == sizeof(vl_json), "an element is two words");
static_assert(std::is_trivially_copyable<dom::element>::value, "an element may be copied as bytes");
static_assert(VL_JSON_PADDING >= simdjson::SIMDJSON_PADDING, "padding that simdjson needs");

static vl_json from_element(dom::element e)
{
    vl_json v;
    std::memcpy(&v, &e, sizeof v);
    return v;
}

static dom::element to_element(vl_json v)
{
    dom::element e;
    std::memcpy(static_cast<void *>(&e), &v, sizeof e);
    return e;
}

static vl_span to_span(std::string_view s)
{
    return vl_span{s.data(), s.size()};
}

extern "C" vl_json_parser *vl_json_parser_open(size_t max_bytes)
{
    return new (std::nothrow) vl_json_parser(max_bytes);
}

extern "C" void vl_json_parser_close(vl_json_parser *p)
{
    delete p;
}

static const char *sentence(simdjson::error_code code)
{
    switch (code) {
    case simdjson::DEPTH_ERROR:
        return "nested deeper than 1024";
    case simdjson::STRING_ERROR:
        return "a bad escape or lone surrogate in a string";
    case simdjson::T_ATOM_ERROR:
    case simdjson::F_ATOM_ERROR:
    case simdjson::N_ATOM_ERROR:
        return "a word that is not true, false or null";
    case simdjson::NUMBER_ERROR:
        return "a malformed number, or an integer beyond 64 bits";
    case simdjson::UTF8_ERROR:
        return "not UTF-8";
    case simdjson::EMPTY:
        return "no value";
    case simdjson::UNESCAPED_CHARS:
        return "a control character in a string";
    case simdjson::UNCLOSED_STRING:
        return "a string without its closing quote";
    default:
        return "a bracket, comma, colon or value is missing or misplaced";
    }
}

static vl_status refuse(simdjson::error_code code, vl_span text, valence_error *error)
{
    if (code == simdjson::MEMALLOC) return vl_fail_memory(error, text.len, "a JSON document");
    uint64_t byte = 0;
    if (code == simdjson::UTF8_ERROR) byte = vl_utf8_valid_prefix(text.ptr, text.len) + 1;
    return vl_fail_at(error, VALENCE_FORMAT, 0, byte, "invalid JSON: %s", sentence(code));
}

/* simdjson grows to exactly the document's length; growing by a quarter more keeps a run of ever
 * longer documents from allocating at each of them. */
static simdjson::error_code make_room(dom::parser &parser, size_t len)
{
    if (parser.capacity() >= len && parser.doc.capacity() >= len) return simdjson::SUCCESS;
    size_t capacity = len + len / 4 + 1024;
    if (capacity > parser.max_capacity()) capacity = parser.max_capacity();
    simdjson::error_code code = parser.doc.allocate(capacity);
    return code ? code : parser.allocate(capacity, simdjson::DEFAULT_MAX_DEPTH);
}

static vl_status parse(vl_json_parser *p, vl_span text, bool copy, vl_json *root,
                       valence_error *error)
{
    if (text.len > p->max_bytes)
        return vl_fail(error, VALENCE_LIMIT, "a JSON document of %zu bytes is longer than %zu",
                       text.len, p->max_bytes);
    if (text.len == 0) return refuse(simdjson::EMPTY, text, error);
    simdjson::error_code code = make_room(p->parser, text.len);
    dom::element element;
    if (!code) code = p->parser.parse(text.ptr, text.len, copy).get(element);
    if (code) return refuse(code, text, error);
    *root = from_element(element);
    return VALENCE_OK;
}

extern "C" vl_status vl_json_parse(vl_json_parser *p, const char *text, size_t len, vl_json *root,
                                   valence_error *error)
{
    return parse(p, vl_span{text, len}, false, root, error);
}

extern "C" vl_status vl_json_parse_copy(vl_json_parser *p, vl_span text, vl_json *root,
                                        valence_error *error)
{
    return parse(p, text, true, root, error);
}

extern "C" vl_json_type vl_json_type_of(vl_json v)
{
    switch (to_element(v).type()) {
    case dom::element_type::ARRAY:
        return VL_JSON_ARRAY;
    case dom::element_type::OBJECT:
        return VL_JSON_OBJECT;
    case dom::element_type::STRING:
        return VL_JSON_STRING;
    case dom::element_type::BOOL:
        return VL_JSON_BOOL;
    case dom::element_type::INT64:
    case dom::element_type::UINT64:
    case dom::element_type::DOUBLE:
        return VL_JSON_NUMBER;
    default:
        return VL_JSON_NULL;
    }
}

extern "C" bool vl_json_get(vl_json object, const char *key, vl_json *out)
{
    dom::object members;
    dom::element found;
    if (to_element(object).get(members) || members.at_key(key).get(found)) return false;
    *out = from_element(found);
    return true;
}

extern "C" bool vl_json_string(vl_json v, vl_span *out)
{
    std::string_view s;
    if (to_element(v).get(s)) return false;
    *out = to_span(s);
    return true;
}

extern "C" bool vl_json_number(vl_json v, double *out)
{
    return to_element(v).get(*out) == simdjson::SUCCESS;
}

extern "C" bool vl_json_integer(vl_json v, int64_t *out)
{
    return to_element(v).get(*out) == simdjson::SUCCESS;
}

extern "C" bool vl_json_boolean(vl_json v, bool *out)
{
    return to_element(v).get(*out) == simdjson::SUCCESS;
}

static int each_member(dom::object members, int (*fn)(void *, vl_span, vl_json), void *user)
{
    for (dom::key_value_pair member : members) {
        int result = fn(user, to_span(member.key), from_element(member.value));
        if (result) return result;
    }
    return 0;
}

extern "C" int vl_json_each(vl_json v, int (*fn)(void *user, vl_span key, vl_json value),
                            void *user)
{
    dom::element e = to_element(v);
    dom::object members;
    dom::array elements;
    if (!e.get(members)) return each_member(members, fn, user);
    if (e.get(elements)) return 0;
    for (dom::element element : elements) {
        int result = fn(user, vl_span{"", 0}, from_element(element));
        if (result) return result;
    }
    return 0;
}

static int count_one(void *user, vl_span, vl_json)
{
    ++*static_cast<size_t *>(user);
    return 0;
}

extern "C" size_t vl_json_count(vl_json v)
{
    const size_t saturated = 0xFFFFFF; /* the most that simdjson's size() can tell */
    dom::element e = to_element(v);
    dom::object members;
    dom::array elements;
    size_t count = !e.get(members) ? members.size() : !e.get(elements) ? elements.size() : 0;
    if (count < saturated) return count;
    count = 0;
    vl_json_each(v, count_one, &count);
    return count;
}
