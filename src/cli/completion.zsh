#compdef valence
# zsh completion for valence, made by `valence --help=zsh`.
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
    local -a folders names
    folders=($VALENCE_MODELS {$commands[valence]:h,$_valence_program:h}{,/models,/../share/valence/models,/../../models}
        {/usr/local,/usr}/share/valence/models)
    names=(general ${^folders}/[a-z0-9_-]##.safetensors(N:t:r))
    _alternative 'models:shipped model:compadd -a names' \
        'files:model file:_files -g "*.safetensors"'
}

_valence_commands() {
    local name about
    local -a list
    _valence_table '' | while read -r name about; do
        list+=("$name:${about//:/\\:}")
    done
    _describe -t commands 'command' list
    [[ $PREFIX == -* ]] && compadd -- --help --version
}

_valence() {
    setopt localoptions extendedglob
    local name letter value what help action
    local -a specs
    if (( CURRENT == 2 )); then
        _valence_commands
        return
    fi
    _valence_table $words[2] | while read -r name letter value what help; do
        case $what in
        @file) action=_files ;;
        @model) action=_valence_models ;;
        @none) action=' ' ;;
        *\|*) action="(${what//|/ })" ;;
        *,*) action="_sequence compadd - ${what//,/ }" ;;
        esac
        help=${help//(#m)[\[\]\\:]/\\$MATCH}
        if [[ $name == '*' ]]; then
            specs+=("*:argument:$action")
        elif [[ $value == . ]]; then
            specs+=("*${name}[$help]")
            [[ $letter == . ]] || specs+=("*${letter}[$help]")
        else
            specs+=("*${name}=[$help]:$value:$action")
            [[ $letter == . ]] || specs+=("*${letter}+[$help]:$value:$action")
        fi
    done
    local _valence_program=${(Q)words[1]}
    shift words
    (( CURRENT-- ))
    _arguments -s -S : '*--help[show this]' $specs
}

if [[ $funcstack[1] == _valence ]]; then
    _valence "$@"
else
    compdef _valence valence
fi
