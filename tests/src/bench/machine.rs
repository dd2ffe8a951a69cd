//! What the figures were read on.

use pelago_browser::driver::Target;
use pelago_figures::host;
use pelago_session::Session;

use crate::Failure;
use crate::models::Models;

/// Prints the machine, its browsers and the date.
pub(crate) async fn print(models: &Models) -> Result<(), Failure> {
    let session = Session::open(models.options()).await?;
    let mut browsers = session
        .browsers()
        .candidates()
        .iter()
        .filter_map(|candidate| match &candidate.target {
            Target::Installed(found) => Some(format!("{} {}", found.product.name(), found.version)),
            Target::Remote(_) => None,
        })
        .collect::<Vec<_>>();
    browsers.sort();
    session.close().await;
    host::print();
    println!("- browsers: {}", browsers.join(", "));
    println!("- model: all-MiniLM-L6-v2, float32");
    Ok(())
}
