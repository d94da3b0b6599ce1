//! `multipleOf` over a whole schema. An automaton counts remainders, so its states are as many as the steps from 0 to
//! the first number that all of them divide: parts of a schema can meet in one number.

use serde_json::Value;

use crate::failure::{exhausted, invalid, Failure, Result};

/// More take seconds and gigabytes.
const MAX_STEPS: u128 = 10_000;

/// The least common multiple of some decimals: `digits` / 10^`places`.
pub struct CommonMultiple {
    digits: u128,
    places: usize,
}

impl CommonMultiple {
    pub fn new() -> Self {
        Self { digits: 1, places: 0 }
    }

    pub fn add(&mut self, value: &Value) -> Result<()> {
        let divisor = value.as_f64().unwrap_or(0.0);
        if divisor <= 0.0 {
            return Err(invalid("multipleOf is a number above 0"));
        }
        *self = self.with(&divisor.to_string()).ok_or_else(|| too_many(value))?;
        Ok(())
    }

    /// None: too many steps.
    fn with(&self, decimal: &str) -> Option<Self> {
        let (whole, fraction) = decimal.split_once('.').unwrap_or((decimal, ""));
        let places = self.places.max(fraction.len());
        let scaled = |digits: u128, from: usize| digits.checked_mul(10u128.checked_pow((places - from) as u32)?);
        let other = scaled(format!("{whole}{fraction}").parse().ok()?, fraction.len())?;
        let own = scaled(self.digits, self.places)?;
        let mut common = Self { digits: (own / greatest_divisor(own, other)).checked_mul(other)?, places };
        while common.places > 0 && common.digits % 10 == 0 {
            common = Self { digits: common.digits / 10, places: common.places - 1 };
        }
        (common.digits <= MAX_STEPS).then_some(common)
    }
}

fn greatest_divisor(a: u128, b: u128) -> u128 {
    if b == 0 {
        a
    } else {
        greatest_divisor(b, a % b)
    }
}

fn too_many(value: &Value) -> Failure {
    exhausted(format!(
        "multipleOf {value}: with all others of the schema it makes more than {MAX_STEPS} remainders to be counted"
    ))
}
