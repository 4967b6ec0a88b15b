# Sourced by the other scripts: chooses a Rust toolchain that can build ibid, and says so.
# ibid needs Rust 1.96 (rust-version in Cargo.toml); an older default is fine where a newer one is installed beside it.

wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)

is_new_enough() { # is_new_enough 1.97.0-nightly
    [ "$(printf '%s\n%s\n' "$wanted" "${1%%-*}" | sort -V | head -n 1)" = "$wanted" ]
}

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }

if ! command -v cargo >/dev/null 2>&1; then
    echo "Rust is not installed. Install Rust $wanted or newer (rustup does it), then run this script again." >&2
    exit 2
fi
version=$(rustc --version | cut -d ' ' -f 2)
if ! is_new_enough "$version"; then
    found=""
    if command -v rustup >/dev/null 2>&1; then
        for toolchain in $(rustup toolchain list | cut -d ' ' -f 1); do
            if is_new_enough "$(RUSTUP_TOOLCHAIN=$toolchain rustc --version | cut -d ' ' -f 2)"; then
                found=$toolchain
                break
            fi
        done
    fi
    if [ -z "$found" ]; then
        echo "The installed Rust is $version; ibid needs $wanted or newer. Update it with: rustup update stable" >&2
        exit 2
    fi
    export RUSTUP_TOOLCHAIN=$found
    say "Rust $version is too old for ibid ($wanted); using the installed toolchain $found"
fi
if ! command -v cc >/dev/null 2>&1; then
    echo "A C compiler is missing (SQLite is built from source). Install one, for example: apt-get install gcc" >&2
    exit 2
fi
