#!/bin/sh
# What the Makefile sets up, from the project's folder:
#   setup.sh python   .venv anew, with what requirements.txt pins
#   setup.sh tex      latexmk and the packages of report/preamble.tex, where they are missing
#   setup.sh poppler  pdftotext and pdfinfo, which only tests use, where they are missing
#   setup.sh slurm    Slurm's daemons and munge, which tests run as root, where they are missing
# System packages are installed as root on Debian and its kin alone; elsewhere a line says what to install.
set -eu

tex_debian="latexmk texlive-latex-extra texlive-fonts-recommended texlive-science texlive-plain-generic lmodern tex-gyre"
tex_fedora="latexmk texlive-collection-latexextra texlive-collection-fontsrecommended texlive-collection-mathscience"
tex_arch="texlive-binextra texlive-latexextra texlive-fontsrecommended texlive-mathscience"

fail() {
    echo "$1" >&2
    exit 1
}

has() {
    command -v "$1" >/dev/null
}

# The first Python of this version that runs: a pyenv shim may stand for a version that is not chosen here, and
# Debian's python3.12 cannot make an environment without its package python3.12-venv.
find_python() {
    for python in "python$1" python3 python "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1"*/bin/python; do
        if "$python" -c "import ensurepip, sys; sys.exit(sys.version_info[:2] != (${1%.*}, ${1#*.}))" >/dev/null 2>&1; then
            echo "$python"
            return
        fi
    done
    return 1
}

set_up_python() {
    version=$(cat .python-version)
    rm -rf .venv
    echo "Setting up .venv from requirements.txt: some minutes, once."
    if has uv; then
        uv venv --quiet --seed --python "$version" .venv
        uv pip install --python .venv/bin/python --require-hashes -r requirements.txt
    elif python=$(find_python "$version"); then
        "$python" -m venv .venv
        .venv/bin/python -m pip install --disable-pip-version-check --require-hashes -r requirements.txt
    else
        fail "Python $version not found: install it (with its venv module), or pyenv and 'pyenv install $version', or uv"
    fi
}

can_install() {
    has apt-get && [ "$(id -u)" = 0 ]
}

install() {
    echo "Installing $*"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"
}

# The styles that the preamble loads, as file names.
tex_styles() {
    sed -n 's/^[^%]*\\usepackage\(\[[^]]*\]\)\{0,1\}{\([^}]*\)}.*/\2/p' report/preamble.tex | tr ',' '\n' |
        sed 's/^ *\(.*[^ ]\) *$/\1.sty/'
}

tex_missing() {
    has latexmk || echo latexmk
    for style in $(tex_styles); do
        kpsewhich "$style" >/dev/null 2>&1 || echo "$style"
    done
}

set_up_tex() {
    missing=$(tex_missing)
    if [ -n "$missing" ] && can_install; then
        install $tex_debian
        missing=$(tex_missing)
    fi
    [ -n "$missing" ] || return 0
    if has apt-get; then
        advice="sudo apt-get install $tex_debian"
    elif has dnf; then
        advice="sudo dnf install $tex_fedora"
    elif has pacman; then
        advice="sudo pacman -S $tex_arch"
    elif has brew; then
        advice="brew install --cask mactex-no-gui"
    else
        advice="a full TeX Live (tectonic is not enough)"
    fi
    fail "TeX lacks $(echo $missing); install it with: $advice"
}

set_up_poppler() {
    { has pdftotext && has pdfinfo; } || { can_install && install poppler-utils; } ||
        echo "poppler (pdftotext, pdfinfo) is not installed: the tests that read a PDF are skipped"
}

set_up_slurm() {
    [ "$(id -u)" = 0 ] || fail "a Slurm of one's own runs only as root"
    { has slurmctld && has slurmd && has munged; } || { can_install && install slurm-wlm munge; } ||
        fail "Slurm (slurmctld, slurmd, munged) is not installed"
}

"set_up_$1"
