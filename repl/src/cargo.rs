//! The binary `pelago-cargo`: what evcxr finds in cargo's place.

fn main() {
    pelago_cells::rust::stand_in();
}
