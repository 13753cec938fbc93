//! alertron.rs: libalertron's models, safely. This file, ffi.rs and build.rs are the part to copy.

use std::error;
use std::ffi::CStr;
use std::fmt;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use crate::ffi;

/// What went wrong and what to do, in one line.
#[derive(Debug)]
pub struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl error::Error for Error {}

/// How far an anomaly stands out among anomalies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    None,
    Low,
    Medium,
    High,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(match self {
            Severity::None => "none",
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
        })
    }
}

/// A loaded model, freed when it is dropped.
pub struct Model(NonNull<ffi::alertron_model>);

// A model never changes, and none of its functions takes a lock or allocates.
unsafe impl Send for Model {}
unsafe impl Sync for Model {}

impl Drop for Model {
    fn drop(&mut self) {
        unsafe { ffi::alertron_model_free(self.0.as_ptr()) }
    }
}

impl Model {
    /// Loads libalertron's own file, or what scikit-learn wrote with pickle or joblib, uncompressed. The model keeps
    /// nothing of the bytes.
    pub fn load(bytes: &[u8]) -> Result<Model, Error> {
        let mut error = MaybeUninit::<ffi::alertron_error>::zeroed();
        let start = bytes.as_ptr().cast();
        let model = unsafe {
            ffi::alertron_model_load(start, bytes.len(), ptr::null(), error.as_mut_ptr())
        };
        NonNull::new(model).map(Model).ok_or_else(|| {
            let text = unsafe { CStr::from_ptr(error.assume_init_ref().text.as_ptr()) };
            Error(text.to_string_lossy().into_owned())
        })
    }

    /// The number of numbers in a reading.
    pub fn features(&self) -> usize {
        unsafe { ffi::alertron_model_features(self.0.as_ptr()) }
    }

    /// The name of a feature; None where the model has no names, or not so many features.
    pub fn feature_name(&self, index: usize) -> Option<&str> {
        if index >= self.features() {
            return None;
        }
        let name = unsafe { ffi::alertron_model_feature_name(self.0.as_ptr(), index) };
        if name.is_null() {
            return None;
        }
        unsafe { CStr::from_ptr(name) }.to_str().ok()
    }

    /// The scores of readings that lie one after the other; the numbers are not copied.
    pub fn score(&self, numbers: &[f64]) -> Result<Vec<f64>, Error> {
        let width = self.features();
        self.check(numbers, numbers.len() % width == 0)?;
        let mut scores = vec![0.0; numbers.len() / width];
        unsafe {
            let rows = ffi::alertron_rows_of(numbers.as_ptr(), scores.len(), width);
            // The width is right, so it can't fail.
            ffi::alertron_model_score_rows(self.0.as_ptr(), &rows, scores.as_mut_ptr());
        }
        Ok(scores)
    }

    /// Each feature's share in an anomaly: at least 0, in all 1.
    pub fn explain(&self, row: &[f64]) -> Result<Vec<f64>, Error> {
        self.check(row, row.len() == self.features())?;
        let mut shares = vec![0.0; row.len()];
        unsafe {
            ffi::alertron_model_explain(self.0.as_ptr(), row.as_ptr(), shares.as_mut_ptr());
        }
        Ok(shares)
    }

    /// The band of a score by the model's own cuts.
    pub fn severity(&self, score: f64) -> Severity {
        match unsafe { ffi::alertron_model_severity(self.0.as_ptr(), score) } {
            ffi::ALERTRON_SEVERITY_NONE => Severity::None,
            ffi::ALERTRON_SEVERITY_LOW => Severity::Low,
            ffi::ALERTRON_SEVERITY_MEDIUM => Severity::Medium,
            _ => Severity::High,
        }
    }

    fn check(&self, numbers: &[f64], whole: bool) -> Result<(), Error> {
        if whole {
            return Ok(());
        }
        Err(Error(format!(
            "{} numbers given; a reading takes {}",
            numbers.len(),
            self.features()
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READINGS: [f64; 6] = [72.1, 141.3, 0.98, 50.0, 100.0, 0.5];

    fn load() -> Model {
        Model::load(&std::fs::read("pump.alertron").expect("pump.alertron")).unwrap()
    }

    #[test]
    fn threads_share_a_model() {
        let model = load();
        let want = model.score(&READINGS).unwrap();
        assert!(want.len() == 2 && want[0] > want[1]);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        assert_eq!(model.score(&READINGS).unwrap(), want);
                    }
                });
            }
        });
    }

    #[test]
    fn wrong_widths_are_refused() {
        let model = load();
        assert!(model.score(&READINGS[..4]).is_err());
        assert!(model.explain(&READINGS).is_err());
        assert!(model.score(&[]).unwrap().is_empty());
        assert_eq!(model.feature_name(model.features()), None);
    }

    #[test]
    fn what_is_no_model_is_refused() {
        for bytes in [&b""[..], &b"no model"[..]] {
            assert!(!Model::load(bytes).err().unwrap().to_string().is_empty());
        }
    }
}
