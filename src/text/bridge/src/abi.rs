//! What every entry point shares: views of C memory, owned results, and the border no panic crosses.

use std::cell::Cell;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Once;

use crate::failure::{invalid, Failure, Result, Status};

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Text {
    data: *const u8,
    size: usize,
}

#[repr(C)]
pub struct Buffer {
    data: *mut u8,
    size: usize,
}

impl Text {
    /// # Safety
    /// `data` points to `size` readable bytes that stay unchanged while the result lives.
    pub unsafe fn bytes<'a>(self) -> &'a [u8] {
        if self.size == 0 {
            return &[];
        }
        std::slice::from_raw_parts(self.data, self.size)
    }

    /// # Safety
    /// As for `bytes`.
    pub unsafe fn str<'a>(self) -> Result<&'a str> {
        std::str::from_utf8(self.bytes()).map_err(|e| invalid(format!("the text is not UTF-8: {e}")))
    }
}

impl Buffer {
    fn new(bytes: Vec<u8>) -> Buffer {
        let bytes = bytes.into_boxed_slice();
        let size = bytes.len();
        Buffer { data: Box::into_raw(bytes).cast(), size }
    }
}

/// Releases what any function of the bridge put into a buffer.
///
/// # Safety
/// `buffer` came from the bridge and is not used again.
#[no_mangle]
pub unsafe extern "C" fn burin_buffer_free(buffer: Buffer) {
    if !buffer.data.is_null() {
        drop(Box::from_raw(std::ptr::slice_from_raw_parts_mut(buffer.data, buffer.size)));
    }
}

fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
    text.unwrap_or("panic").to_string()
}

thread_local!(static GUARDED: Cell<bool> = const { Cell::new(false) });

/// Inside `guarded` a panic becomes an error; its message must not reach stderr.
fn silence_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !GUARDED.get() {
                previous(info);
            }
        }));
    });
}

/// Runs `work`; a panic of a library (they meet hostile files with `unwrap`) is a failure of kind `on_panic`.
pub fn guarded<T>(on_panic: Status, work: impl FnOnce() -> Result<T>) -> Result<T> {
    silence_panics();
    let before = GUARDED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(before);
    result.unwrap_or_else(|payload| Err(Failure { status: on_panic, message: panic_text(&*payload) }))
}

/// Puts the result or the error text into `out` and returns 0 or the status.
///
/// # Safety
/// `out` points to a writable buffer.
pub unsafe fn deliver(out: *mut Buffer, result: Result<Vec<u8>>) -> i32 {
    match result {
        Ok(bytes) => {
            out.write(Buffer::new(bytes));
            0
        }
        Err(failure) => {
            out.write(Buffer::new(failure.message.into_bytes()));
            failure.status as i32
        }
    }
}

/// As `deliver`, for functions that return an object through `object`.
///
/// # Safety
/// `out` and `object` point to writable memory.
pub unsafe fn deliver_object<T>(out: *mut Buffer, object: *mut *mut T, result: Result<T>) -> i32 {
    match result {
        Ok(value) => {
            object.write(Box::into_raw(Box::new(value)));
            deliver(out, Ok(Vec::new()))
        }
        Err(failure) => {
            object.write(std::ptr::null_mut());
            deliver(out, Err(failure))
        }
    }
}
