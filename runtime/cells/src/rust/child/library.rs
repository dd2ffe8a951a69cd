//! Shared objects: what cells are linked with, and the cells themselves.

use std::ffi::{CStr, CString, c_void};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use pelago_cell::host::{CONNECT, Table};

use super::table::{Function, TABLE};

/// A shared object that stays loaded for good.
#[derive(Clone, Copy, Debug)]
pub(super) struct Library(*mut c_void);

impl Library {
    /// Loads it, with all that it needs.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let name = CString::new(path.as_os_str().as_bytes())?;
        // SAFETY: the name ends in a zero. The object was compiled for this process; what it runs when it is loaded is
        // the user's own.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_LAZY | libc::RTLD_LOCAL) };
        if handle.is_null() { Err(failed()) } else { Ok(Self(handle)) }
    }

    fn symbol(self, name: &CStr) -> Option<*mut c_void> {
        // SAFETY: the handle is open and the name ends in a zero.
        let found = unsafe { libc::dlsym(self.0, name.as_ptr()) };
        (!found.is_null()).then_some(found)
    }

    /// A cell's function.
    pub(super) fn function(self, name: &str) -> io::Result<Function> {
        let found = self.symbol(&CString::new(name)?).ok_or_else(failed)?;
        // SAFETY: evcxr names a function that it wrote for this purpose.
        Ok(unsafe { std::mem::transmute::<*mut c_void, Function>(found) })
    }

    /// Gives the table to what the object is linked with, once.
    pub(super) fn connect(self) {
        static CONNECTED: Mutex<Vec<usize>> = Mutex::new(Vec::new());
        let Some(found) = self.symbol(CONNECT) else { return };
        let mut connected = CONNECTED.lock().unwrap_or_else(PoisonError::into_inner);
        if connected.contains(&found.addr()) {
            return;
        }
        connected.push(found.addr());
        drop(connected);
        // SAFETY: `pelago-cell` defines it with this type.
        let connect = unsafe { std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*const Table)>(found) };
        // SAFETY: the table is a static.
        unsafe { connect(&raw const TABLE) };
    }
}

/// The loader's words.
fn failed() -> io::Error {
    // SAFETY: it gives null or a string that stays until the next call of the loader.
    let text = unsafe { libc::dlerror().as_ref() };
    // SAFETY: as above.
    let text = text.map(|first| unsafe { CStr::from_ptr(first) }.to_string_lossy().into_owned());
    io::Error::other(text.unwrap_or_else(|| "a shared object was not loaded".to_owned()))
}
