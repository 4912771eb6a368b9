/* emoji.c: polarity of emoji by ranges. Set by hand from their Unicode names and, where use
 * differs from the name, the sign of Kralj Novak et al., "Sentiment of Emojis" (2015). The emoji
 * blocks are neutral where nothing is listed; other symbols are no emoji. */
#include "text/emoji.h"

typedef struct range {
    uint32_t from, to;
    vl_polarity polarity;
} range;

/* Sorted, disjoint. */
static const range felt[] = {
    {0x2639, 0x2639, VL_NEGATIVE},   /* frowning face */
    {0x263A, 0x263B, VL_POSITIVE},   /* smiling faces */
    {0x2661, 0x2661, VL_POSITIVE},   /* white heart */
    {0x2665, 0x2665, VL_POSITIVE},   /* heart suit */
    {0x270C, 0x270C, VL_POSITIVE},   /* victory hand */
    {0x2728, 0x2728, VL_POSITIVE},   /* sparkles */
    {0x2763, 0x2764, VL_POSITIVE},   /* hearts */
    {0x1F389, 0x1F38A, VL_POSITIVE}, /* party popper, confetti */
    {0x1F44C, 0x1F44D, VL_POSITIVE}, /* OK hand, thumbs up */
    {0x1F44E, 0x1F44E, VL_NEGATIVE}, /* thumbs down */
    {0x1F44F, 0x1F44F, VL_POSITIVE}, /* clapping */
    {0x1F47F, 0x1F47F, VL_NEGATIVE}, /* imp */
    {0x1F48B, 0x1F48B, VL_POSITIVE}, /* kiss mark */
    {0x1F48F, 0x1F48F, VL_POSITIVE}, /* kiss */
    {0x1F491, 0x1F491, VL_POSITIVE}, /* couple with heart */
    {0x1F493, 0x1F493, VL_POSITIVE}, /* beating heart */
    {0x1F494, 0x1F494, VL_NEGATIVE}, /* broken heart */
    {0x1F495, 0x1F49F, VL_POSITIVE}, /* hearts */
    {0x1F4A2, 0x1F4A2, VL_NEGATIVE}, /* anger symbol */
    {0x1F4A9, 0x1F4A9, VL_NEGATIVE}, /* pile of poo */
    {0x1F4AA, 0x1F4AA, VL_POSITIVE}, /* flexed biceps */
    {0x1F4AF, 0x1F4AF, VL_POSITIVE}, /* hundred points */
    {0x1F595, 0x1F595, VL_NEGATIVE}, /* middle finger */
    {0x1F5A4, 0x1F5A4, VL_POSITIVE}, /* black heart */
    {0x1F600, 0x1F60E, VL_POSITIVE}, /* grinning .. sunglasses */
    {0x1F612, 0x1F616, VL_NEGATIVE}, /* unamused .. confounded */
    {0x1F617, 0x1F61D, VL_POSITIVE}, /* kissing, tongue out */
    {0x1F61E, 0x1F62B, VL_NEGATIVE}, /* disappointed .. tired */
    {0x1F62D, 0x1F62D, VL_NEGATIVE}, /* loudly crying */
    {0x1F630, 0x1F631, VL_NEGATIVE}, /* anxious, screaming */
    {0x1F635, 0x1F635, VL_NEGATIVE}, /* dizzy */
    {0x1F637, 0x1F637, VL_NEGATIVE}, /* medical mask */
    {0x1F638, 0x1F63B, VL_POSITIVE}, /* smiling cats */
    {0x1F63D, 0x1F63D, VL_POSITIVE}, /* kissing cat */
    {0x1F63E, 0x1F641, VL_NEGATIVE}, /* pouting, crying, weary cats; frowning */
    {0x1F642, 0x1F642, VL_POSITIVE}, /* slightly smiling */
    {0x1F644, 0x1F645, VL_NEGATIVE}, /* rolling eyes, no good */
    {0x1F646, 0x1F646, VL_POSITIVE}, /* OK gesture */
    {0x1F64C, 0x1F64C, VL_POSITIVE}, /* raising hands */
    {0x1F64D, 0x1F64E, VL_NEGATIVE}, /* frowning, pouting person */
    {0x1F64F, 0x1F64F, VL_POSITIVE}, /* folded hands */
    {0x1F90D, 0x1F90E, VL_POSITIVE}, /* white, brown heart */
    {0x1F912, 0x1F912, VL_NEGATIVE}, /* thermometer in mouth */
    {0x1F915, 0x1F915, VL_NEGATIVE}, /* head bandage */
    {0x1F917, 0x1F917, VL_POSITIVE}, /* hugging */
    {0x1F920, 0x1F920, VL_POSITIVE}, /* cowboy hat */
    {0x1F922, 0x1F922, VL_NEGATIVE}, /* nauseated */
    {0x1F923, 0x1F923, VL_POSITIVE}, /* rolling on the floor laughing */
    {0x1F926, 0x1F927, VL_NEGATIVE}, /* face palm, sneezing */
    {0x1F929, 0x1F929, VL_POSITIVE}, /* star-struck */
    {0x1F92C, 0x1F92C, VL_NEGATIVE}, /* symbols on mouth */
    {0x1F92E, 0x1F92E, VL_NEGATIVE}, /* vomiting */
    {0x1F970, 0x1F970, VL_POSITIVE}, /* smiling with hearts */
    {0x1F973, 0x1F973, VL_POSITIVE}, /* partying */
    {0x1F9E1, 0x1F9E1, VL_POSITIVE}, /* orange heart */
    {0x1FA75, 0x1FA77, VL_POSITIVE}, /* light blue, grey, pink heart */
};

static const range blocks[] = {
    {0x1F300, 0x1F64F, VL_NEUTRAL}, /* pictographs, emoticons */
    {0x1F680, 0x1F6FF, VL_NEUTRAL}, /* transport and map symbols */
    {0x1F900, 0x1F9FF, VL_NEUTRAL}, /* supplemental pictographs */
    {0x1FA70, 0x1FAFF, VL_NEUTRAL}, /* pictographs, extended A */
};

static vl_polarity look_up(const range *ranges, size_t count, uint32_t c)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (c > ranges[middle].to) low = middle + 1;
        else high = middle;
    }
    return low < count && c >= ranges[low].from ? ranges[low].polarity : VL_POLARITY_NONE;
}

bool vl_emoji_is_modifier(uint32_t c)
{
    return c == 0xFE0E || c == 0xFE0F || (c >= 0x1F3FB && c <= 0x1F3FF);
}

vl_polarity vl_emoji_polarity(uint32_t c)
{
    if (vl_emoji_is_modifier(c)) return VL_POLARITY_NONE;
    vl_polarity polarity = look_up(felt, sizeof felt / sizeof *felt, c);
    return polarity ? polarity : look_up(blocks, sizeof blocks / sizeof *blocks, c);
}
