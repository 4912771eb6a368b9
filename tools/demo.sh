#!/bin/sh
# demo.sh VALENCE: shows the main job on the sample files.
set -eu
valence=$1
here=$(dirname "$0")/..
echo
echo "== One text at a time:  valence predict TEXT..."
"$valence" predict --format pretty \
    "I loved it" \
    "Broke after two weeks, and support never answered" \
    "The parcel arrived on Tuesday" \
    "Not bad at all for the price!" \
    "The plot is thin, but the actors are wonderful" \
    "Flight delayed five hours and nobody told us anything :("
echo
echo "== Lines of standard input, as JSON:  valence predict - < texts.txt"
"$valence" predict --format jsonl - < "$here/samples/texts.txt"
echo
echo "== A CSV file:  valence predict -i reviews.csv --text review --keep product -o scored.csv"
"$valence" predict -i "$here/samples/reviews.csv" --text review --keep product -o build/scored.csv
cat build/scored.csv
echo
echo "== Your own model:  valence train logistic --data labelled.tsv -o my.safetensors"
"$valence" train logistic --data "$here/samples/labelled.tsv" -o build/my.safetensors
"$valence" predict -m build/my.safetensors --format pretty "a superb phone" "a useless phone"
echo
echo "== What it is:  valence info"
"$valence" info
