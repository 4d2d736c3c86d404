# Sourced by setup.sh, run.sh and .ci/run: finds Python, makes the virtual environment, says what is missing.

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "error: $*"
    exit 1
}

# environment <folder> <runtime|development>: a virtual environment with the locked packages.
# Its stamp tells what it was made from and is written last, so a killed install is seen and made anew.
environment() {
    local venv=$root/$1 kind=$2
    if is_ready "$venv" "$kind"; then return; fi
    [[ -w $root ]] || fail "$root is not writable for you; clone the repository into a folder of yours"
    (
        python=$(find_python)
        exec 9>"$root/.setup.lock"
        "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)' # held until descriptor 9 is closed
        is_ready "$venv" "$kind" || install_packages "$python" "$venv" "$kind"
    )
}

is_ready() {
    [[ -f $1/.ready-$2 && $(<"$1/.ready-$2") == "$(fingerprint "$1" "$2")" ]]
}

# need_tools: git and the sandbox; as root on Debian and Ubuntu the missing ones are installed.
need_tools() {
    local packages=()
    command -v git >/dev/null || packages+=(git)
    command -v bwrap >/dev/null || packages+=(bubblewrap)
    ((${#packages[@]})) || return 0
    apt_install "${packages[@]}" || true
    command -v git >/dev/null || fail "git is missing; get it with: $(install_command git)"
    command -v bwrap >/dev/null ||
        say "warning: bubblewrap is missing; the test phase refuses to run without it." \
            "Get it with: $(install_command bubblewrap)"
}

find_python() {
    local names=(python3.13 python3.12 python3.11 python3) name version bare=
    if [[ -n ${WORKBENCH_PYTHON:-} ]]; then names=("$WORKBENCH_PYTHON"); fi
    for name in "${names[@]}"; do
        version=$(python_version "$name") || continue
        if has_venv "$name"; then
            command -v "$name"
            return
        fi
        bare=${bare:-$name $version}
    done
    [[ -n $bare ]] || fail "Workbench needs Python 3.11 or newer, and there is none under: ${names[*]}." \
        "Get it with: $(install_command python3) or from python.org, or name it in WORKBENCH_PYTHON"
    name=${bare% *} version=${bare##* }
    apt_install "python$version-venv" || true
    has_venv "$name" || fail "Python $version can not make virtual environments (venv and ensurepip are missing);" \
        "get them with: $(install_command "python$version-venv")"
    command -v "$name"
}

# Prints major.minor; fails below 3.11 and for a name that is nothing but a shim.
python_version() {
    "$1" -I -S -c 'import sys; print("%d.%d" % sys.version_info[:2]); sys.exit(sys.version_info < (3, 11))' \
        2>/dev/null </dev/null
}

has_venv() { "$1" -I -c 'import ensurepip, venv' >/dev/null 2>&1 </dev/null; }

lock_of() {
    case $1 in
        runtime) printf %s "$root/requirements.lock" ;;
        development) printf %s "$root/requirements-dev.lock" ;;
    esac
}

# The virtual environment holds the path of the checkout, so a moved checkout needs a new one.
fingerprint() {
    {
        printf '%s\n' "$root"
        "$1/bin/python" -I -S -c 'import sys; print(sys.version_info[:2])' || echo broken
        cat "$(lock_of "$2")" "$root/bootstrap.sh"
    } 2>/dev/null | cksum
}

install_packages() {
    local python=$1 venv=$2 kind=$3
    # Only a whole environment is built upon.
    if [[ $kind == runtime ]] || ! is_ready "$venv" runtime; then
        say "Making the virtual environment ${venv##*/} with $("$python" --version)"
        rm -rf -- "$venv"
        "$python" -m venv "$venv"
    fi
    rm -f -- "$venv"/.ready-*
    say "Installing the locked $kind packages (the first time takes a minute)"
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check --no-input --no-deps \
        --only-binary :all: --require-hashes -r "$(lock_of "$kind")" </dev/null ||
        fail "the packages could not be installed; when the network is back, run this again"
    link_project "$venv"
    if [[ $kind == development ]]; then fingerprint "$venv" runtime >"$venv/.ready-runtime"; fi
    fingerprint "$venv" "$kind" >"$venv/.ready-$kind"
}

# A path file and a launcher do what an editable install would, with no build backend to download and lock.
link_project() {
    local main='import sys; sys.argv[0] = "workbench"; from app.cli import main; sys.exit(main())'
    printf '%s\n' "$root" >"$(echo "$1"/lib/python3*/site-packages)/workbench.pth"
    printf '#!/bin/sh\nexec %s -P -c %s "$@"\n' "$(quoted "$1/bin/python")" "$(quoted "$main")" >"$1/bin/workbench"
    chmod +x "$1/bin/workbench"
}

quoted() {
    local apostrophe="'\\''"
    printf "'%s'" "${1//\'/$apostrophe}"
}

apt_install() {
    [[ $EUID == 0 ]] && command -v apt-get >/dev/null || return 1
    say "Installing $* with apt-get"
    apt-get update -qq </dev/null >/dev/null &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" </dev/null >/dev/null
}

install_command() {
    local sudo='sudo '
    if [[ $EUID == 0 ]]; then sudo=; fi
    if command -v apt-get >/dev/null; then
        echo "${sudo}apt-get update && ${sudo}apt-get install $1"
    elif command -v dnf >/dev/null; then
        echo "${sudo}dnf install $1"
    else
        echo "your package manager (the package is called $1)"
    fi
}
