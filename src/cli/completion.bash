# bash completion for valence, made by `valence --help=bash`.
#
# _valence_table '' prints the commands, a line each; _valence_table COMMAND its options: name, letter,
# value's name ("." where there is none), what the value is, help; "*" stands for the arguments.
# What a value is: @file, @model, @none, a|b (one of these), a,b (several of these, with commas).

_valence_table() {
    case $1 in
@COMMANDS@
    esac
}

# Models by name: the one inside, and those in the folders where valence looks.
_valence_models() {
    local program folder file
    program=$(type -P -- "$1")
    printf 'general\n'
    for folder in "$VALENCE_MODELS" "${program%/*}"{,/models,/../share/valence/models,/../../models} \
        {/usr/local,/usr}/share/valence/models; do
        for file in "${folder:-.}"/*.safetensors; do
            file=${file##*/}
            file=${file%.safetensors}
            [[ $file == *[^a-z0-9_-]* ]] || printf '%s\n' "$file"
        done
    done
}

_valence_words() { # WORDS CURRENT
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
}

_valence_several() { # WORDS CURRENT: the last of a list with commas
    local before=
    [[ $2 == *,* ]] && before=${2%,*},
    _valence_words "$1" "${2##*,}"
    COMPREPLY=("${COMPREPLY[@]/#/$before}")
    compopt -o nospace 2>/dev/null
}

_valence_files() { # CURRENT
    mapfile -t COMPREPLY < <(compgen -f -- "$1")
    compopt -o filenames 2>/dev/null
}

_valence_model_files() { # PROGRAM CURRENT
    mapfile -t COMPREPLY < <({
        compgen -W "$(_valence_models "$1")" -- "$2"
        compgen -f -X '!*.safetensors' -- "$2"
        compgen -d -- "$2"
    } | sort -u)
    compopt -o filenames 2>/dev/null
}

_valence_value() { # WHAT PROGRAM CURRENT
    case $1 in
    @none) ;;
    @file) _valence_files "$3" ;;
    @model) _valence_model_files "$2" "$3" ;;
    *,*) _valence_several "${1//,/ }" "$3" ;;
    *) _valence_words "${1//|/ }" "$3" ;;
    esac
}

_valence() {
    local program=$1 current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local name letter value what help options=--help takes= arguments=@file
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        _valence_words "$(_valence_table '' | cut -d ' ' -f 1) --help --version" "$current"
        return
    fi
    # bash cuts --option=value at the equals sign.
    if [[ $current == '=' ]]; then
        current=
    elif [[ $before == '=' ]]; then
        before=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    while read -r name letter value what help; do
        if [[ $name == '*' ]]; then
            arguments=$what
        else
            options+=" $name ${letter#.}"
            [[ $value != . && ($before == "$name" || $before == "$letter") ]] && takes=$what
        fi
    done < <(_valence_table "${COMP_WORDS[1]}")
    if [[ $takes ]]; then
        _valence_value "$takes" "$program" "$current"
    elif [[ $current == -* ]]; then
        _valence_words "$options" "$current"
    else
        _valence_value "$arguments" "$program" "$current"
    fi
}

complete -F _valence valence
