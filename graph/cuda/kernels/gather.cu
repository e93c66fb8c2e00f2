// Rows of tables by number, and numbers that are reported where they name no row.
#include "prelude.h"

// gather copies row ids[i] of table [rows,width] to row i of y: one thread an element. Elements are 32 bits of any type.
KERNEL BOUNDS(256, 1)
    gather(uint *__restrict y, const uint *__restrict table, const int *__restrict ids, int rows, int width,
           ulong64 *error, int operation, int n) {
  int i = BX * 256 + TX;
  if (i >= n) return;
  int row = ids[i / width];
  if (row < 0 || row >= rows) {
    report(error, operation, row);
    return;
  }
  y[i] = table[(long64)row * width + i % width];
}
