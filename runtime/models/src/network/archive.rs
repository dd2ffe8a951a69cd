//! Models as CAR files, which other programs of the IPFS world read and write.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use pelago_content::Cid;
use tokio::fs::File;
use tokio::io::{AsyncWriteExt, BufReader, BufWriter};

use super::{Network, NetworkError};
use pelago_content::car::{self, Exported, Imported};
use pelago_content::{CarError, CarLimits, CarReader};

/// What is read and written at a time.
const BUFFER: usize = 1 << 20;

impl Network {
    /// Writes all that is under a root to a CAR file, whole or not at all.
    ///
    /// # Errors
    ///
    /// `Car` where a block is missing or damaged; `Io` for the file.
    pub async fn export(&self, root: Cid, path: &Path) -> Result<Exported, NetworkError> {
        let io = |action| move |source| NetworkError::Io { action, path: path.to_owned(), source };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // As `open` makes a file: the process's mask takes its part away.
        let mode = PermissionsExt::from_mode(0o666);
        let temporary =
            tempfile::Builder::new().permissions(mode).prefix(".pelago-").suffix(".car").tempfile_in(folder);
        let (file, temporary) = temporary.map_err(io("create"))?.into_parts();
        let target = BufWriter::with_capacity(BUFFER, File::from_std(file));
        let failed = |source| NetworkError::Car { path: path.to_owned(), source };
        let blocks = Arc::new(self.models.store().clone());
        let (mut target, exported) = car::export(blocks, root, target).await.map_err(failed)?;
        target.flush().await.map_err(io("write"))?;
        target.get_ref().sync_all().await.map_err(io("write"))?;
        temporary.persist(path).map_err(|error| io("create")(error.error))?;
        Ok(exported)
    }

    /// Reads the model of a CAR file into the store. The file has to hold just what is under its one root.
    ///
    /// # Errors
    ///
    /// `Car` where the file is damaged, or lacks or repeats what it should not; `Roots`; `Store`; `Io`.
    pub async fn import(&self, path: &Path) -> Result<(Cid, Imported), NetworkError> {
        let failed = |source| NetworkError::Car { path: path.to_owned(), source };
        // The store is told which root the blocks are for, so the roots are read first.
        let head = CarReader::open(open(path).await?, CarLimits::default()).await.map_err(failed)?;
        let root = match head.roots() {
            [root] => *root,
            [] => return Err(failed(CarError::NoRoot)),
            several => return Err(NetworkError::Roots { path: path.to_owned(), found: several.len() }),
        };
        let ingest = self.models.store().ingest(root).await?;
        let imported = match car::import(open(path).await?, &ingest, CarLimits::default()).await {
            Ok(imported) => imported,
            Err(error) => {
                ingest.abandon().await?;
                return Err(failed(error));
            }
        };
        ingest.finish().await?;
        Ok((root, imported))
    }
}

async fn open(path: &Path) -> Result<BufReader<File>, NetworkError> {
    let file = File::open(path).await;
    let file = file.map_err(|source| NetworkError::Io { action: "open", path: path.to_owned(), source })?;
    Ok(BufReader::with_capacity(BUFFER, file))
}
