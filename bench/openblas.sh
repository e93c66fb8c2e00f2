# To be sourced: the best kernels of OpenBLAS for this processor, as if OpenBLAS knew it. An OpenBLAS older than the processor takes those of
# 2004 (Prescott), and a PyTorch on it is a fifth as fast: no opponent. Reads $python and $OPENBLAS.
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE OPENBLAS_NUM_THREADS
if OPENBLAS_VERBOSE=2 "$python" -c 'import ctypes, sys; ctypes.CDLL(sys.argv[1])' "${OPENBLAS:-libopenblas.so.0}" 2>&1 | grep -q '^Core: Prescott'; then
	for pair in avx512_bf16:Cooperlake avx512f:SkylakeX avx2:Haswell; do
		if grep -qw "${pair%:*}" /proc/cpuinfo; then
			export OPENBLAS_CORETYPE=${pair#*:}
			echo "OpenBLAS does not know this processor: $OPENBLAS_CORETYPE" >&2
			break
		fi
	done
fi
