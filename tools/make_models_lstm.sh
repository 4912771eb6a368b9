#!/bin/sh
# make_models_lstm.sh VALENCE: trains movies-lstm and general-lstm on the data sets in $DATA (../shared/data), into
# $MODELS (models/). What lies between is kept in $WORK (build/models-lstm): a run that was stopped goes on from there.
# About two hours on two cores.
#   1. a vocabulary and word vectors of film reviews, other reviews and tweets, no labels looked at
#   2. of IMDb's training half, blocks of 250 numbers by turns: nine tenths to learn from, one to measure on, so that
#      no film is on both sides
#   3. a language model each way of those nine tenths and the unlabelled film reviews
#   4. from those an LSTM; its probabilities and a logistic model's, averaged, label the unlabelled reviews, and those
#      they are sure of (p >= 0.75) are learnt from, too, at half weight, by an LSTM that begins where the first one did
#   5. an LSTM of the data sets of models/general, from the word vectors; then 8-bit integers
set -eu
valence=$(realpath "$1")
models=$(realpath "${MODELS:-$(dirname "$0")/../models}")
data=$(realpath "${DATA:-$(dirname "$0")/../../shared/data}") || {
    echo "No data: get the public sets (docs/data.md) and set DATA to their folder." >&2
    exit 1
}
work=${WORK:-$(dirname "$0")/../build/models-lstm}
mkdir -p "$work"
work=$(realpath "$work")

# Cards keep the commands: no path of this machine should be in them.
cd "$work"
ln -sfn "$data" data
if [ ! -f words.safetensors ]; then
    words=""
    for f in imdb/train.tsv imdb/unsup.tsv text/reviews_amazon.txt text/reviews_apps.txt text/tweets.txt \
        amazon_mtl/train.tsv amazon_stars/train.tsv tweets_semeval/train.tsv reddit_goemotions/train.tsv \
        sst5/train.tsv tweets_tse/train.tsv reviews_yelp/train.tsv tweets_airline/train.tsv; do
        words="$words --data data/$f.zst"
    done
    # shellcheck disable=SC2086
    "$valence" train embeddings $words --epochs 5 --resume -o words.safetensors
fi

zstd -dcq data/imdb/train.tsv.zst | awk -F'\t' '
    NR == 1 { print > "imdb_train.tsv"; print > "imdb_dev.tsv"; next }
    { n = split($3, part, "/"); split(part[n], id, "_")
      print > (int(id[1] / 250) % 10 == 3 ? "imdb_dev.tsv" : "imdb_train.tsv") }'
map=0=negative,1=positive
if [ ! -f language.safetensors ]; then
    "$valence" train language-model --data imdb_train.tsv --data data/imdb/unsup.tsv.zst \
        --embeddings words.safetensors --units 256 --epochs 5 --rate 0.002 --batch-texts 128 --holdout 300 --measures 4 --curve language \
        --resume -o language.safetensors
fi
if [ ! -f teacher.safetensors ]; then
    "$valence" train lstm --data imdb_train.tsv@$map --dev imdb_dev.tsv@$map --embeddings language.safetensors \
        --epochs 4 --max-length 400 --measures 2 --batch-texts 64 --curve teacher --resume -o teacher.safetensors
fi
if [ ! -f pseudo.tsv ]; then
    "$valence" train logistic --data imdb_train.tsv@$map --dev imdb_dev.tsv@$map -o logistic.safetensors
    "$valence" predict -m teacher.safetensors -i data/imdb/unsup.tsv.zst --resume -o unsup_teacher.tsv
    "$valence" predict -m logistic.safetensors -i data/imdb/unsup.tsv.zst -o unsup_logistic.tsv --keep text
    paste unsup_teacher.tsv unsup_logistic.tsv | awk -F'\t' '
        NR == 1 { print "label\ttext"; next }
        { positive = ($5 + $10) / 2 }
        positive >= 0.75 { print "positive\t" $11 }
        positive <= 0.25 { print "negative\t" $11 }' > pseudo.part
    mv pseudo.part pseudo.tsv
fi
if [ ! -f movies.safetensors ]; then
    "$valence" train lstm --data imdb_train.tsv@$map --data pseudo.tsv:weight=0.5 --dev imdb_dev.tsv@$map \
        --embeddings language.safetensors --epochs 2 --max-length 400 --measures 4 --batch-texts 64 --curve movies \
        --resume -o movies.safetensors
fi

# The sets of models/general (make_models.sh): two-class ones count a tenth, or neutral texts would drown.
general=""
for s in clothing_womens reddit_goemotions tweets_tse amazon_devices amazon_stars finance_phrasebank \
    hotels_datafiniti restaurants_zomato reviews_yelp tweets_airline tweets_brands tweets_sanders \
    tweets_selfdriving tweets_semeval; do
    general="$general --data data/$s/train.tsv.zst"
done
for s in games_steam movie_docs pros_cons uci_sentences airline_skytrax amazon_blitzer amazon_mtl apps_android \
    hotels_opspam phrases_mpqa; do
    general="$general --data data/$s/train.tsv.zst:weight=0.1"
done
general="$general --data data/sst5/train.tsv.zst@0=negative,1=negative,2=neutral,3=positive,4=positive"
general="$general --data data/imdb/train.tsv.zst@$map:weight=0.1"
if [ ! -f general-1.safetensors ]; then
    # shellcheck disable=SC2086
    "$valence" train lstm $general --balance --balance-power 0.7 --embeddings words.safetensors --epochs 2 \
        --max-length 96 --measures 3 --batch-texts 256 --curve general-1 --resume \
        -o general-1.safetensors
fi
if [ ! -f general.safetensors ]; then
    # shellcheck disable=SC2086
    "$valence" train lstm $general --balance --balance-power 0.5 --continue general-1.safetensors \
        --epochs 0.6 --rate 0.0005 --seed 2 --warmup 0.02 --word-dropout 0.05 --input-dropout 0.1 --dropout 0.3 \
        --max-length 160 --measures 4 --batch-texts 128 --curve general-2 --resume \
        -o general.safetensors
fi

for name in movies general; do
    "$valence" quantize -m "$name.safetensors" --type i8 -o "$models/$name-lstm.safetensors"
done
ls -l "$models"
