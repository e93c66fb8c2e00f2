#!/bin/sh
# Makes the PTX beside the sample kernels, with Debian's clang-16 and no toolkit.
cd "$(dirname "$0")" || exit 1
for f in *.cu; do
	clang-16 -x cuda --cuda-device-only --cuda-gpu-arch=sm_80 -Xclang -target-feature -Xclang +ptx70 \
		-nocudainc -nocudalib -O3 -S "$f" -o "${f%.cu}.ptx" || exit 1
done
