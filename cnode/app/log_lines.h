#pragma once

namespace muster::app {

/// From now on a line of the log is one printable line of at most 4 KiB, whatever its arguments
/// are: what came from a node, host or user neither begins a line of its own nor steers the
/// terminal.
void write_printable_lines();

}  // namespace muster::app
