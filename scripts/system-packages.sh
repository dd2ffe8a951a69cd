#!/usr/bin/env bash
# Checks what must be on the machine already, and installs the browsers, their
# drivers and what they load at run time: Debian's packages as root, Homebrew's
# on macOS. Without root it prints the command and fails.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

prerequisites() {
  local missing=()
  have cargo || missing+=("Rust 1.95 or later (https://rustup.rs)")
  have node && have npm && node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' ||
    missing+=("Node 20 or later with npm (https://nodejs.org)")
  have git || missing+=("git")
  have python3 || missing+=("Python 3")
  ((${#missing[@]} == 0)) && return
  printf 'error: install these first, then run the same command again:\n' >&2
  printf '  %s\n' "${missing[@]}" >&2
  exit 1
}

# Rust cells ask the standard library's sources for the types of variables.
has_rust_sources() {
  local library
  for library in "$(rustc --print sysroot)"/lib/rustlib/src/rust/library /usr/src/rustc-*/library; do
    [[ -d $library/core ]] && return
  done
  return 1
}

rust_sources() {
  has_rust_sources && return
  have rustup && rustup component add rust-src >&2 && return
  say "the standard library's sources are not there; Debian's package is tried next"
}

is_installed() { [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

# Debian's packages that are still missing, one a line.
missing_packages() {
  have cc || echo build-essential
  has_rust_sources || echo rust-web-src
  # Chromium and its driver have to be one version, so both come from Debian.
  have chromedriver || printf '%s\n' chromium chromium-driver
  have firefox || have firefox-esr || echo firefox-esr
  python3 -m pip --version >/dev/null 2>&1 || echo python3-pip
  python3 -c 'import ensurepip' 2>/dev/null || echo python3-venv
  # The Vulkan loader and Mesa's software adapter are WebGPU without a GPU;
  # the rest is what chrome-headless-shell links to.
  local package
  for package in libvulkan1 mesa-vulkan-drivers libnss3 libnspr4 libexpat1; do
    is_installed "$package" || echo "$package"
  done
}

apt() { DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=600 "$@" </dev/null >&2; }

debian() {
  local packages
  mapfile -t packages < <(missing_packages)
  ((${#packages[@]} == 0)) && return
  if ((EUID != 0)); then
    printf 'error: these packages are missing, and installing them needs root. Run:\n' >&2
    printf '  sudo apt-get update && sudo apt-get install --no-install-recommends -y %s\n' "${packages[*]}" >&2
    exit 1
  fi
  say "installing ${packages[*]}"
  # An old package list would install last season's browsers.
  apt update || say "apt-get update failed in part; going on with what it got"
  apt install --no-install-recommends -y "${packages[@]}" ||
    die "apt-get could not install: ${packages[*]}. Its own message is above."
}

macos() {
  local casks=() formulas=()
  [[ -d "/Applications/Google Chrome.app" ]] || casks+=(google-chrome)
  have chromedriver || casks+=(chromedriver)
  [[ -d /Applications/Firefox.app ]] || casks+=(firefox)
  have geckodriver || formulas+=(geckodriver)
  xcode-select -p >/dev/null 2>&1 || die "Apple's compiler is missing. Run: xcode-select --install"
  ((${#casks[@]} + ${#formulas[@]} == 0)) && return
  have brew || die "Homebrew is missing (https://brew.sh). Then run: brew install ${formulas[*]-} --cask ${casks[*]-}"
  ((${#casks[@]} == 0)) || brew install --cask "${casks[@]}" >&2
  ((${#formulas[@]} == 0)) || brew install "${formulas[@]}" >&2
}

prerequisites
rust_sources
case $(uname -s) in
  Darwin) macos ;;
  Linux)
    have apt-get || die "this script knows Debian's packages only. Install Chromium with chromedriver, Firefox, a \
Vulkan loader with a driver, NSS, a C compiler and Python's pip and venv, then run: make SYSTEM_PACKAGES=no"
    debian
    ;;
  *) die "Pelago runs on Linux and macOS, not on $(uname -s)" ;;
esac
