/* sample_texts.h: texts of about 200 bytes to time models on: reviews and posts of our own making,
 * of all moods, so that no processor learns one text by heart. No figure of merit comes from them.
 */
#ifndef VL_SAMPLE_TEXTS_H
#define VL_SAMPLE_TEXTS_H

enum { CLI_SAMPLE_TEXTS = 64 };

extern const char *const cli_sample_texts[CLI_SAMPLE_TEXTS];

#endif
