#!/bin/sh
# make_models.sh VALENCE [open]: trains the shipped models on the data sets in $DATA (../shared/data),
# into $MODELS (models/). "open": only from sets under permissive terms (models/LICENSE.md).
set -eu
valence=$(realpath "$1")
sets=${2:-all}
models=$(realpath "${MODELS:-$(dirname "$0")/../models}")
data=${DATA:-$(dirname "$0")/../../shared/data}
if [ ! -d "$data" ]; then
    echo "No data in '$data': get the public sets (docs/data.md) and set DATA to their folder." >&2
    exit 1
fi
cd "$data" # so that the models' cards name the sets by their short paths

# Three-class sets; two-class ones count a tenth, or neutral texts would drown.
three_open="clothing_womens reddit_goemotions tweets_tse"
three_rest="amazon_devices amazon_stars finance_phrasebank hotels_datafiniti restaurants_zomato
    reviews_yelp tweets_airline tweets_brands tweets_sanders tweets_selfdriving tweets_semeval"
two_open="games_steam movie_docs pros_cons uci_sentences"
two_rest="airline_skytrax amazon_blitzer amazon_mtl apps_android hotels_opspam phrases_mpqa"
three=$three_open two=$two_open
if [ "$sets" = all ]; then
    three="$three_open $three_rest" two="$two_open $two_rest"
fi
general=""
for s in $three; do general="$general --data $s/train.tsv.zst"; done
for s in $two; do general="$general --data $s/train.tsv.zst:weight=0.1"; done
if [ "$sets" = all ]; then
    general="$general --data sst5/train.tsv.zst@0=negative,1=negative,2=neutral,3=positive,4=positive"
    general="$general --data imdb/train.tsv.zst@0=negative,1=positive:weight=0.1"
fi
clean="--clean html,urls,names,emoticons,elongations --balance --balance-power 0.7"

# shellcheck disable=SC2086
"$valence" train logistic $general $clean --cost 0.02 --capacity 250000 -o "$models/general.safetensors"
# shellcheck disable=SC2086
"$valence" train naive-bayes $general $clean --choose evidence --capacity 200000 --alpha 1 -o "$models/general-nb.safetensors"
if [ "$sets" = all ]; then
    movies="--data imdb/train.tsv.zst@0=negative,1=positive"
else
    movies="--data movie_docs/train.tsv.zst"
fi
# shellcheck disable=SC2086
"$valence" train logistic $movies -o "$models/movies-lr.safetensors"
# shellcheck disable=SC2086
"$valence" train naive-bayes $movies -o "$models/movies-nb.safetensors"
ls -l "$models"
