//! Local time for `strftime_now`, by the C library, as Python's own strftime works.

use std::ffi::CString;

use minijinja::{Error, ErrorKind};

pub fn local_time(format: &str) -> Result<String, Error> {
    let fail = |message: &'static str| Error::new(ErrorKind::InvalidOperation, message);
    if format.len() > 256 {
        return Err(fail("strftime_now: the format is too long"));
    }
    // A final letter keeps an empty result apart from a buffer that is too small.
    let format = CString::new(format!("{format}.")).map_err(|_| fail("strftime_now: the format holds a NUL"))?;
    let mut buffer = vec![0u8; 16384];
    // SAFETY: time and localtime_r write to live locals; strftime writes at most the buffer's length.
    let length = unsafe {
        let now = libc::time(std::ptr::null_mut());
        let mut parts: libc::tm = std::mem::zeroed();
        if libc::localtime_r(&now, &mut parts).is_null() {
            return Err(fail("strftime_now: no local time"));
        }
        libc::strftime(buffer.as_mut_ptr().cast(), buffer.len(), format.as_ptr(), &parts)
    };
    if length == 0 {
        return Err(fail("strftime_now: the result is too long"));
    }
    buffer.truncate(length - 1);
    Ok(String::from_utf8_lossy(&buffer).into_owned())
}
