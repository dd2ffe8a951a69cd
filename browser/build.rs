//! Makes a release build follow the page's bundle, which it embeds. A debug
//! build reads the bundle when it runs and need not be built again.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_CFG_DEBUG_ASSERTIONS").is_none() {
        println!("cargo:rerun-if-changed=page/dist");
    }
}
