//! The page's files. A release build carries them; a debug build reads them from
//! the folder that esbuild writes to, so that a new bundle needs no new binary.

use bytes::Bytes;

/// A file of the page.
#[derive(Clone, Debug)]
pub struct Asset {
    /// Its bytes.
    pub bytes: Bytes,
    /// MIME type, e.g. `text/javascript`.
    pub mime: String,
    /// Differs whenever the bytes do; without quotes.
    pub tag: String,
}

/// Where the page's files come from.
pub trait Assets: Send + Sync + 'static {
    /// The file of that name, e.g. `index.html` or `ort/ort.mjs`. May read from disk.
    fn get(&self, path: &str) -> Option<Asset>;
}

/// There is no page.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssetsError {
    /// The page was not bundled.
    #[error(
        "the page is not built ({folder}/{file} is missing): run `make page`, which runs `npm run build` in browser/page"
    )]
    Missing {
        /// Where the bundle should be.
        folder: &'static str,
        /// The file that it lacks.
        file: &'static str,
    },
}

/// What every bundle has.
pub(crate) const INDEX: &str = "index.html";
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/page/dist");

#[derive(rust_embed::RustEmbed)]
#[folder = "page/dist"]
#[allow_missing = true]
struct Files;

/// The page as `make page` builds it.
#[derive(Clone, Copy, Debug)]
pub struct PageBundle(());

impl PageBundle {
    /// The bundle, where there is one.
    ///
    /// # Errors
    /// [`AssetsError::Missing`].
    pub fn open() -> Result<Self, AssetsError> {
        let bundle = Self(());
        check(&bundle)?;
        Ok(bundle)
    }
}

pub(crate) fn check(assets: &dyn Assets) -> Result<(), AssetsError> {
    match assets.get(INDEX) {
        Some(_) => Ok(()),
        None => Err(AssetsError::Missing { folder: FOLDER, file: INDEX }),
    }
}

impl Assets for PageBundle {
    fn get(&self, path: &str) -> Option<Asset> {
        let file = Files::get(path)?;
        let mime = file.metadata.mimetype().to_owned();
        let tag = file.metadata.sha256_hash()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        let bytes = match file.data {
            std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            std::borrow::Cow::Owned(bytes) => Bytes::from(bytes),
        };
        Some(Asset { bytes, mime, tag })
    }
}
