//! The one error of the bridge: a status the C++ side maps to its own codes, and a text.

use std::fmt::Display;

#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    InvalidArgument = 1,
    Corrupt = 2,
    ResourceExhausted = 3,
    Internal = 4,
    Unsupported = 5,
}

#[derive(Debug)]
pub struct Failure {
    pub status: Status,
    pub message: String,
}

pub type Result<T> = std::result::Result<T, Failure>;

pub fn corrupt(message: impl Display) -> Failure {
    Failure { status: Status::Corrupt, message: message.to_string() }
}

pub fn invalid(message: impl Display) -> Failure {
    Failure { status: Status::InvalidArgument, message: message.to_string() }
}

pub fn exhausted(message: impl Display) -> Failure {
    Failure { status: Status::ResourceExhausted, message: message.to_string() }
}

pub fn unsupported(message: impl Display) -> Failure {
    Failure { status: Status::Unsupported, message: message.to_string() }
}
