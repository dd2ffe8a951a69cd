//! A profile folder that outlives the browser, so that compiled shaders do too.
//!
//! Below the folder of an installation lie `profile`, `profile-2`, …, each with
//! a lock file. Host and reapers hold the lock shared, whoever looks for a free
//! profile tries it exclusively: so a profile is free only once the reapers have
//! ended every process that used it, and the system itself frees the lock of a
//! process that died.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use super::engine::Engine;
use super::error::LaunchError;
use crate::reaper::is_running;

/// How many browsers of one installation may be open at once, over all processes.
const LIMIT: u32 = 16;

/// A profile held by this process.
#[derive(Debug)]
pub(super) struct Profile {
    /// The folder to give to the browser.
    pub(super) folder: PathBuf,
    /// The file that reapers hold too.
    pub(super) lock_file: PathBuf,
    _lock: File,
}

/// Takes the first profile below `base` that nobody holds.
pub(super) fn take(base: &Path, engine: &dyn Engine) -> Result<Profile, LaunchError> {
    let failed = |source| LaunchError::Profile { path: base.to_owned(), source };
    for number in 1..=LIMIT {
        let name = if number == 1 { "profile".to_owned() } else { format!("profile-{number}") };
        let folder = base.join(&name);
        std::fs::create_dir_all(&folder).map_err(failed)?;
        let lock_file = base.join(format!("{name}.lock"));
        let Some(lock) = lock(&lock_file).map_err(failed)? else { continue };
        if engine.profile_holder(&folder, &is_running).map_err(failed)?.is_some() {
            continue;
        }
        return Ok(Profile { folder, lock_file, _lock: lock });
    }
    Err(LaunchError::NoProfileLeft { path: base.to_owned(), limit: LIMIT })
}

/// The lock, shared, if nobody had it.
fn lock(path: &Path) -> std::io::Result<Option<File>> {
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    // From exclusive to shared is two steps: another process may come between,
    // and then it has the profile.
    for step in [File::try_lock, File::try_lock_shared] {
        match step(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(Some(file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::engine;
    use crate::driver::installation::Product;

    fn take(base: &Path) -> Result<Profile, LaunchError> {
        super::take(base, engine::of(Product::Chromium))
    }

    #[test]
    fn two_at_once_get_two_profiles_and_a_free_one_is_used_again() {
        let base = tempfile::tempdir().unwrap();
        let first = take(base.path()).unwrap();
        let second = take(base.path()).unwrap();
        assert_eq!(first.folder, base.path().join("profile"));
        assert_eq!(second.folder, base.path().join("profile-2"));
        drop(first);
        assert_eq!(take(base.path()).unwrap().folder, base.path().join("profile"));
    }

    #[test]
    fn a_lock_that_only_a_reaper_holds_keeps_the_profile() {
        let base = tempfile::tempdir().unwrap();
        let first = take(base.path()).unwrap();
        let reaper = File::open(&first.lock_file).unwrap();
        reaper.try_lock_shared().unwrap();
        drop(first);
        assert_eq!(take(base.path()).unwrap().folder, base.path().join("profile-2"));
    }
}
