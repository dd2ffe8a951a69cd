//! Which driver fits which browser.

use std::path::PathBuf;

use pelago_protocol::BrowserKind;

use super::discovery::Discovery;
use super::engine;
use super::installation::{Installation, Product, major};
use super::problem::Problem;

/// A browser that answered.
#[derive(Clone, Debug)]
pub(super) struct FoundBrowser {
    pub(super) product: Product,
    pub(super) binary: PathBuf,
    pub(super) version: String,
}

/// A driver that answered.
#[derive(Clone, Debug)]
pub(super) struct FoundDriver {
    pub(super) kind: BrowserKind,
    pub(super) driver: PathBuf,
    pub(super) version: String,
}

/// Everything that answered, the preferred first.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    pub(super) browsers: Vec<FoundBrowser>,
    pub(super) drivers: Vec<FoundDriver>,
}

/// Pairs browsers with drivers, and says what was left over.
pub(super) fn pair(mut found: Found) -> Discovery {
    found.browsers.extend(safari(&found.drivers));
    let mut discovery = Discovery::default();
    for FoundBrowser { product, binary, version } in &found.browsers {
        let drivers: Vec<_> = found.drivers.iter().filter(|driver| driver.kind == product.kind()).collect();
        let (product, binary, version) = (*product, binary.clone(), version.clone());
        match (drivers.iter().find(|driver| fits(product, &version, driver)), drivers.first()) {
            (Some(driver), _) => discovery.add(installation(product, binary, version, driver)),
            (None, Some(driver)) => discovery.problems.push(Problem::VersionPair {
                product,
                binary,
                version,
                driver: driver.driver.clone(),
                driver_version: driver.version.clone(),
            }),
            (None, None) => discovery.problems.push(Problem::NoDriver { product, binary, version }),
        }
    }
    for FoundDriver { kind, driver, version } in found.drivers {
        if !found.browsers.iter().any(|browser| browser.product.kind() == kind) {
            discovery.problems.push(Problem::NoBrowser { kind, driver, version });
        }
    }
    discovery
}

fn installation(product: Product, binary: PathBuf, version: String, driver: &FoundDriver) -> Installation {
    Installation {
        id: format!("{}-{version}", product.name().to_lowercase()).into(),
        kind: product.kind(),
        product,
        binary,
        version,
        driver: driver.driver.clone(),
        driver_version: driver.version.clone(),
    }
}

fn fits(product: Product, version: &str, driver: &FoundDriver) -> bool {
    !engine::of(product).needs_same_major(product) || major(version) == major(&driver.version)
}

/// Safari comes with its driver, which alone knows the version.
fn safari(drivers: &[FoundDriver]) -> Option<FoundBrowser> {
    let driver = drivers.iter().find(|driver| driver.kind == BrowserKind::Safari)?;
    let binary = PathBuf::from("/Applications/Safari.app/Contents/MacOS/Safari");
    binary.exists().then(|| FoundBrowser { product: Product::Safari, binary, version: driver.version.clone() })
}
