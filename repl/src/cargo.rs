//! The binary `pelago-cargo`: what evcxr finds in cargo's place.

fn main() {
    pelago_runtime::cells::stand_in();
}
