#!/usr/bin/env bash
# Checks golden vectors on AVX-512 with VNNI where no such processor is at hand: in Bochs, which emulates an Ice Lake.
#
#   avx512.sh VECTORS     prints one row per body, as the program `vectors` does
#
# Bochs boots Debian's cloud kernel, whose first and only process is that program; it writes to the serial port. This is
# slow (a few minutes), hence bounded, and no part of the usual check. Needs from Debian: bochs, isolinux,
# syslinux-common, xorriso, cpio.
set -euo pipefail

vectors=$(realpath "$1")
cd "$(dirname "$0")/../.."
cache="${XDG_CACHE_HOME:-$HOME/.cache}/assay/avx512"
target="${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/assay/target}"
longest=${LONGEST:-3600}
fail() { echo "avx512: $1" >&2; exit 2; }
for tool in bochs xorriso cpio; do
    command -v $tool >/dev/null || fail "$tool is missing: apt-get install bochs isolinux syslinux-common xorriso cpio"
done

mkdir -p "$cache"
if ! compgen -G "$cache/kernel/boot/vmlinuz-*" >/dev/null; then
    package=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends/ { print $2; exit }')
    (cd "$cache" && apt-get download -qq "$package" && dpkg-deb -x "$package"_*.deb kernel)
fi
tools/setup/cargo build --quiet --release -p assay-cross --bin vectors --features portable \
    --target x86_64-unknown-linux-musl

work=$(mktemp -d)
emulator=
cleanup() {
    [ -z "$emulator" ] || kill "$emulator" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
mkdir -p "$work/files" "$work/iso/isolinux"
cp "$target/x86_64-unknown-linux-musl/release/vectors" "$work/files/init"
cp "$vectors" "$work/files/vectors.bin"
(cd "$work/files" && find . | cpio --quiet -o -H newc) >"$work/iso/initramfs"
cp "$cache"/kernel/boot/vmlinuz-* "$work/iso/kernel"
cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$work/iso/isolinux/"
cat >"$work/iso/isolinux/isolinux.cfg" <<'CONFIG'
default only
label only
  kernel /kernel
  append initrd=/initramfs console=ttyS0 quiet panic=0 lpj=4000000 nosmp clearcpuid=515,516,321,323 mitigations=off -- /vectors.bin
CONFIG
xorriso -as mkisofs -quiet -o "$work/boot.iso" -b isolinux/isolinux.bin -c isolinux/boot.cat -no-emul-boot \
    -boot-load-size 4 -boot-info-table "$work/iso" 2>/dev/null
cat >"$work/machine" <<CONFIG
plugin_ctrl: unmapped=1, biosdev=1, speaker=0, extfpuirq=1, serial=1
config_interface: textconfig
display_library: rfb, options="timeout=0"
memory: guest=512, host=512
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
cpu: model=corei7_icelake_u, count=1, ips=50000000, reset_on_triple_fault=0
ata0: enabled=1
ata0-master: type=cdrom, path=$work/boot.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$work/serial
log: $work/log
panic: action=fatal
clock: sync=none
CONFIG
bochs -q -f "$work/machine" >"$work/out" 2>&1 <<<"c" &
emulator=$!
for ((second = 0; second < longest; second += 2)); do
    sleep 2
    if grep -qs "Attempted to kill init" "$work/serial"; then
        tr -d '\r' <"$work/serial" | grep -E '^[a-z0-9+-]+ [0-9]+ [0-9]+$' || true
        tr -d '\r' <"$work/serial" | grep -E '^[a-z0-9+-]+: ' >&2 || true
        tr -d '\r' <"$work/serial" | grep -q 'exitcode=0x00000000'
        exit
    fi
    kill -0 $emulator 2>/dev/null || { tail -5 "$work/out" "$work/log" >&2; fail "the emulator ended"; }
done
tail -5 "$work/serial" >&2 || true
fail "no answer within $longest s"
