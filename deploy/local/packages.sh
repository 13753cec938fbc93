# packages.sh: Debian and Ubuntu packages: which are missing, how they are installed or only unpacked.
# shellcheck shell=sh
# Sourced by deploy/local/up and tests/run; functions that set variables run in subshells, to leave theirs alone.

# shellcheck disable=SC2034 # the tables are used by those who source this
PACKAGES_LOG=${PACKAGES_LOG:-/dev/null}

# What building and running needs, one a line: package, the command that makes it unnecessary (or -), why.
PACKAGES_BUILD='build-essential|-|the C compiler and make
cmake|cmake|runs the build
pkg-config|pkg-config|finds the libraries
librdkafka-dev|-|the Kafka client
libcivetweb-dev|-|the HTTP server of /metrics and /ingest
libcjson-dev|-|reads and writes JSON
zlib1g-dev|-|reads compressed models
python3|/usr/bin/python3|runs the local stack (its standard library only)
ca-certificates|-|lets Alertmanager and Maven check TLS certificates'

PACKAGES_KAFKA='maven|mvn|fetches Apache Kafka'

packages_debian() {
    command -v dpkg-query > /dev/null && command -v apt-get > /dev/null
}

package_installed() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2> /dev/null)" = installed ]
}

package_known() {
    apt-cache policy "$1" 2> /dev/null | grep -q 'Candidate: [^(]'
}

# The first of the given packages that this release has; some names differ between releases.
package_first_known() (
    for package; do
        if package_installed "$package" || package_known "$package"; then
            echo "$package"
            return
        fi
    done
    echo "$1"
)

# Kafka 4 runs on Java 17 and newer. Prints the line of a table, or nothing where such a Java is there.
packages_java() (
    if command -v java > /dev/null; then
        java_version=$(java -XX:-UsePerfData -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1)
        [ "${java_version:-0}" -lt 17 ] || return 0
    fi
    java_package=default-jre-headless
    if apt-cache depends default-jre-headless 2> /dev/null | grep -Eq 'openjdk-(8|11)-jre'; then
        java_package=openjdk-17-jre-headless
    fi
    echo "$java_package|-|runs Apache Kafka (Java 17 or newer)"
)

# Those lines of the table on standard input whose package is missing.
packages_missing() (
    while IFS='|' read -r package instead why; do
        [ -n "$package" ] || continue
        if [ "$instead" != - ] && command -v "$instead" > /dev/null; then continue; fi
        package_installed "$package" || echo "$package|$instead|$why"
    done
)

# How this user becomes root: prints nothing for root, sudo's command line for others; fails where neither works.
packages_root() {
    if [ "$(id -u)" -eq 0 ]; then return 0; fi
    command -v sudo > /dev/null || return 1
    if sudo -n true 2> /dev/null || [ -t 0 ]; then
        echo sudo
        return 0
    fi
    return 1
}

# packages_apt VERB ... : apt-get as root, never asking, into the log.
packages_apt() (
    as_root=$(packages_root) || return 1
    ${as_root:+"$as_root"} env DEBIAN_FRONTEND=noninteractive apt-get -y -q -o DPkg::Lock::Timeout=300 "$@" \
        >> "$PACKAGES_LOG" 2>&1 < /dev/null
)

# packages_known_or_update PACKAGE... : fetches the package lists once if one of them is not known yet.
packages_known_or_update() (
    for package; do
        if ! package_known "$package"; then
            echo "  fetching the package lists (apt-get update)"
            packages_apt update
            return
        fi
    done
)

# packages_install TABLE: says what is missing and why, and installs it in one go. Fails, with the remedy said,
# where that can't be done.
packages_install() (
    missing=$(printf '%s\n' "$1" | packages_missing)
    [ -n "$missing" ] || return 0
    names=$(printf '%s\n' "$missing" | cut -d '|' -f 1 | tr '\n' ' ')
    echo "These packages are missing:"
    printf '%s\n' "$missing" | while IFS='|' read -r package _ why; do
        printf '  %-24s %s\n' "$package" "$why"
    done
    command="apt-get install --no-install-recommends ${names% }"
    if ! packages_root > /dev/null; then
        echo "Installing them takes root, and sudo can't be used here. Run this as root, then start again:"
        echo "  apt-get update && $command"
        return 1
    fi
    # shellcheck disable=SC2086 # names is a list of words
    packages_known_or_update $names || true
    echo "  installing them: $command"
    # shellcheck disable=SC2086
    packages_apt install --no-install-recommends $names && return 0
    # Lists that are too old name files that are gone.
    # shellcheck disable=SC2086
    if packages_apt update && packages_apt install --no-install-recommends $names; then return 0; fi
    echo "Installing failed. The end of $PACKAGES_LOG:"
    tail -n 15 "$PACKAGES_LOG" | sed 's/^/  | /'
    return 1
)

# The scripts and fonts of Prometheus' pages, which are packages of their own.
packages_of_pages() {
    apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
        --no-enhances prometheus | grep -E '^(libjs|fonts)-[^ ]*$' | sort -u
}

# packages_unpack_monitoring FOLDER: Prometheus and Alertmanager into FOLDER, without installing them: Debian's
# packages start both as services on their usual ports the moment they are installed.
packages_unpack_monitoring() (
    if [ -e "$1/complete" ]; then return 0; fi
    if command -v prometheus > /dev/null && command -v promtool > /dev/null && command -v amtool > /dev/null &&
        { command -v prometheus-alertmanager > /dev/null || command -v alertmanager > /dev/null; }; then
        return 0
    fi
    echo "Fetching Prometheus and Alertmanager (unpacked into ${1#"$PWD"/}, not installed)"
    rm -rf "$1.part" && mkdir -p "$1.part" && cd "$1.part" || return 1
    packages_known_or_update prometheus prometheus-alertmanager || true
    # shellcheck disable=SC2046 # a list of words
    if ! apt-get download -q prometheus prometheus-alertmanager $(packages_of_pages) >> "$PACKAGES_LOG" 2>&1; then
        { packages_apt update && apt-get download -q prometheus prometheus-alertmanager $(packages_of_pages) \
            >> "$PACKAGES_LOG" 2>&1; } || {
            echo "apt-get could not download them. If its package lists are missing, run this as root first:"
            echo "  apt-get update"
            echo "The end of $PACKAGES_LOG:"
            tail -n 5 "$PACKAGES_LOG" | sed 's/^/  | /'
            return 1
        }
    fi
    for package in ./*.deb; do
        dpkg -x "$package" . && rm "$package" || return 1
    done
    # Debian's builds read their templates and pages from /usr/share/prometheus, and Alertmanager does not start
    # without. A path of the same length makes that relative to this folder, where they are started.
    LC_ALL=C sed -i 's,/usr/share/prometheus,usr//share/prometheus,g' \
        usr/bin/prometheus usr/bin/promtool usr/bin/prometheus-alertmanager usr/bin/amtool || return 1
    touch complete
    cd .. && rm -rf "$1" && mv "$1.part" "$1"
)
