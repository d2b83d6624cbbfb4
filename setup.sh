#!/bin/sh
# Installs what the `make` words need. Everything but the last line goes into this folder, and is installed again only
# when the files that it is made from have changed. pip and npm take a package only when its hash is in our lock files,
# which `make lock` writes.
#
#   always   .venv (CDK app, tests, Node), node_modules (CDK command line, validator), .local/emulator, .build (wheels)
#   deploy   nothing of that, but .venv with the CDK app, the CDK command line and `cloudsync`, which is all that an
#            owner needs
#   sam      .local/sam: SAM's command line, for tests
#   scan     .local/scan: checkov, detect-secrets and pip-audit, for tests; pre-commit
#   judges   .local/judges: rclone, Google's client libraries and gopro-media-downloader, with which tests judge the fakes
#   bench    .local/bench/tools: the programs that `make bench` compares with; and, from Debian, nginx, curl, a C
#            compiler and OpenSSL's headers
#   browser  Debian's Chromium, for the tests of the page
#   installers  .local/installers: uv, for `make lock`; and pipx: tests install the owner's command with both
set -eu
cd "$(dirname "$0")"
asked="$*" # deploy, sam, scan, judges, bench, browser, installers

# pip's starting scripts put a path with a space between double quotes, and look no further.
case $PWD in
  *' '*['"$`\']* | *['"$`\']*' '*)
    echo "set-up: this folder's path has a space and one of \" \$ \` \\, with which pip's programs do not start." \
         "Move the folder to a path without one of the two, then try again." >&2
    exit 1 ;;
esac

fresh() { # fresh STAMP INPUT...: succeeds when STAMP was recorded for exactly these inputs
  stamp=$1; shift
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(cat "$@" | cksum)" ]
}
wanted() { case " $asked " in *" $1 "*) ;; *) return 1 ;; esac; }
record() { stamp=$1; shift; cat "$@" | cksum > "$stamp"; }

usable() { "$1" -c 'import sys, venv, ensurepip; raise SystemExit(sys.version_info < (3, 12))' 2>/dev/null; }

find_python() { # the one that is named, else the Lambda runtime's own version (3.13), else any other that is new enough
  for candidate in ${CLOUD_SYNC_PYTHON:+"$CLOUD_SYNC_PYTHON"} python3.13 python3.12 python3.14 python3 \
      "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13.*/bin/python "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[24]*/bin/python
  do
    if command -v "$candidate" >/dev/null 2>&1 && usable "$candidate"; then command -v "$candidate"; return; fi
  done
}

make_venv() {
  if [ -n "${CLOUD_SYNC_PYTHON:-}" ] && ! usable "$CLOUD_SYNC_PYTHON"; then
    echo "set-up: CLOUD_SYNC_PYTHON=$CLOUD_SYNC_PYTHON is no Python 3.12 or newer with the modules venv and ensurepip." \
         "Name another one, or unset it to have one looked for." >&2
    exit 1
  fi
  python=$(find_python)
  if [ -n "$python" ]; then "$python" -m venv --clear .venv
  elif command -v uv >/dev/null 2>&1; then # a Python that uv downloads has pip with it, so pip is not downloaded
    uv venv --clear --python-preference only-managed --python '>=3.12,<3.15' .venv
    .venv/bin/python -m ensurepip --default-pip >/dev/null
  else
    echo "set-up: no Python 3.12 or newer found on PATH or under pyenv, and no uv. Install one of them," \
         "or name one with CLOUD_SYNC_PYTHON=/path/to/python make ..." >&2
    exit 1
  fi
}

install() { # install ENVIRONMENT OPTION...: only wheels, and only those whose hash is in the requirements file
  environment=$1; shift
  "$environment/bin/python" -m pip install -qq --disable-pip-version-check --require-hashes --only-binary :all: "$@"
}

npm_packages() { # npm_packages OPTION...: what package-lock.json has, by its hashes; no package runs a program
  PATH="$PWD/.venv/bin:$PATH" npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error \
    "$@" >/dev/null
}

link_command() { ln -sf ../../console/cloudsync .venv/bin/cloudsync; }

# The same version as in node_modules, but inside .venv, so that activating .venv is enough to find it. Node comes from
# a wheel where there is none, or one that the CDK no longer supports.
install_deployment_tools() {
  make_venv
  install .venv --no-compile --no-cache-dir -r requirements.txt # 190 MB less: AWS CloudShell has 1 GB
  if ! command -v npm >/dev/null 2>&1 || ! node -e 'process.exit(+(parseInt(process.versions.node) < 20))'; then
    install .venv --no-compile --no-cache-dir -r tools/node-requirements.txt
  fi
  mkdir -p .venv/lib/cdk
  cp package.json package-lock.json .venv/lib/cdk
  npm_packages --omit=dev --prefix .venv/lib/cdk
  ln -sf ../lib/cdk/node_modules/.bin/cdk .venv/bin/cdk
  link_command
}

# Whoever has the whole project installed has all that deploying needs; that environment is kept up to date below.
if wanted deploy && ! [ -f .venv/.ready ]; then
  made_from="requirements.txt tools/node-requirements.txt package.json package-lock.json"
  # shellcheck disable=SC2086
  if ! fresh .venv/.ready-to-deploy $made_from; then
    echo "set-up: what deploying needs (.venv)"
    install_deployment_tools
    # shellcheck disable=SC2086
    record .venv/.ready-to-deploy $made_from
  fi
  exit
fi

if ! fresh .venv/.ready requirements-dev.txt; then
  echo "set-up: Python environment (.venv)"
  make_venv
  install .venv -r requirements-dev.txt
  record .venv/.ready requirements-dev.txt
fi

link_command

if ! fresh node_modules/.ready package.json package-lock.json; then
  echo "set-up: CDK command line and validator (node_modules)"
  npm_packages
  record node_modules/.ready package.json package-lock.json
fi

# The emulator has an environment of its own. The functions run in an empty one, so that a dependency missing from the
# layer is missing here too.
if ! fresh .local/emulator/.ready local/emulator-requirements.txt .venv/.ready; then
  echo "set-up: emulator (.local/emulator)"
  rm -rf .local/emulator
  .venv/bin/python -m venv .local/emulator/venv
  .venv/bin/python -m venv --without-pip .local/emulator/runtime
  install .local/emulator/venv -r local/emulator-requirements.txt
  record .local/emulator/.ready local/emulator-requirements.txt .venv/.ready
fi

of_layers="lambda_layer/requirements.txt lambda_layer/contents.json lambda_layer/frames-requirements.txt
  lambda_layer/frames-contents.json .venv/.ready"
# shellcheck disable=SC2086
if ! fresh .build/.ready $of_layers; then
  echo "set-up: the layers' wheels (.build)"
  here=$(.venv/bin/python -c 'import sys; from cloud_sync.config import host_architecture
print(host_architecture(), "%d.%d" % sys.version_info[:2])')
  .venv/bin/python -m cloud_sync.layer arm64 3.13
  .venv/bin/python -m cloud_sync.layer x86_64 3.13
  # shellcheck disable=SC2086
  .venv/bin/python -m cloud_sync.layer $here
  # shellcheck disable=SC2086
  record .build/.ready $of_layers
fi

# A separate environment, for programs whose dependencies conflict with ours; replaced when its requirements change.
beside() { # beside FOLDER REQUIREMENTS WHAT
  fresh "$1/.ready" "$2" && return
  echo "set-up: $3 ($1)"
  rm -rf "$1"
  .venv/bin/python -m venv "$1"
  install "$1" --no-compile -r "$2"
  record "$1/.ready" "$2"
}

# One test file asks SAM's own code whether `sam local invoke` finds the functions; others run the scanners and the judges.
# These need nothing of each other, so they are installed at once.
begun=
if wanted installers; then beside .local/installers tools/installers-requirements.txt "uv and pipx" & begun="$begun $!"; fi
if wanted sam; then beside .local/sam tests/sam-requirements.txt "SAM command line" & begun="$begun $!"; fi
if wanted scan; then beside .local/scan tests/scan-requirements.txt "scanners" & begun="$begun $!"; fi
if wanted judges; then beside .local/judges tests/judges-requirements.txt "programs that judge the fakes" & begun="$begun $!"; fi
for process in $begun; do wait "$process"; done

if wanted browser && ! command -v chromium >/dev/null && ! command -v chromium-browser >/dev/null \
    && ! command -v google-chrome >/dev/null; then
  if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    echo "set-up: chromium (apt-get)"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
      apt-get install -qq -y --no-install-recommends chromium fonts-liberation >/dev/null; } \
      || echo "set-up: apt-get could not install chromium; the tests of the page will say so." >&2
  else
    echo "set-up: install Chromium (Debian: apt-get install chromium) for the tests of the page." >&2
  fi
fi

if wanted bench; then
  beside .local/bench/tools benchmarks/requirements.txt "programs to compare with"
  missing=
  PATH="$PATH:/usr/sbin" command -v nginx >/dev/null || missing="$missing nginx-light"
  command -v curl >/dev/null || missing="$missing curl"
  command -v cc >/dev/null || missing="$missing gcc libc6-dev"
  echo '#include <openssl/ssl.h>' | cc -E - >/dev/null 2>&1 || missing="$missing libssl-dev"
  if [ -n "$missing" ] && command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    echo "set-up:$missing (apt-get)"
    # shellcheck disable=SC2086
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
      apt-get install -qq -y --no-install-recommends $missing >/dev/null; } \
      || echo "set-up: apt-get could not install$missing; make bench will say what is missing." >&2
  fi
fi
