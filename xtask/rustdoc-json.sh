#!/bin/sh
# rustdoc with its JSON output, which stable toolchains have behind this switch.
RUSTC_BOOTSTRAP=1 exec rustdoc "$@"
