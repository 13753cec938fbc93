//! ffi.rs: as much of alertron.h as alertron.rs needs. `cargo test` asks the C compiler whether it is the same.
#![allow(non_camel_case_types, dead_code)]

use std::os::raw::{c_char, c_double, c_uint, c_void};

pub type alertron_status = c_uint;
pub type alertron_dtype = c_uint;
pub type alertron_severity = c_uint;

pub const ALERTRON_SEVERITY_NONE: alertron_severity = 0;
pub const ALERTRON_SEVERITY_LOW: alertron_severity = 1;
pub const ALERTRON_SEVERITY_MEDIUM: alertron_severity = 2;
pub const ALERTRON_SEVERITY_HIGH: alertron_severity = 3;

/// Only ever behind a pointer.
#[repr(C)]
pub struct alertron_model {
    _private: [u8; 0],
}

#[repr(C)]
pub struct alertron_error {
    pub status: alertron_status,
    pub offset: u64,
    pub text: [c_char; 320],
}

#[repr(C)]
pub struct alertron_rows {
    pub data: *const c_void,
    pub dtype: alertron_dtype,
    pub rows: usize,
    pub width: usize,
    pub row_stride: isize,
    pub column_stride: isize,
}

extern "C" {
    pub fn alertron_model_load(
        bytes: *const c_void,
        n_bytes: usize,
        allocator: *const c_void,
        error: *mut alertron_error,
    ) -> *mut alertron_model;
    pub fn alertron_model_free(model: *mut alertron_model);
    pub fn alertron_model_features(model: *const alertron_model) -> usize;
    pub fn alertron_model_feature_name(model: *const alertron_model, index: usize)
        -> *const c_char;
    pub fn alertron_model_score_rows(
        model: *const alertron_model,
        rows: *const alertron_rows,
        scores: *mut c_double,
    ) -> alertron_status;
    pub fn alertron_model_severity(
        model: *const alertron_model,
        score: c_double,
    ) -> alertron_severity;
    pub fn alertron_model_explain(
        model: *const alertron_model,
        row: *const c_double,
        shares: *mut c_double,
    );
    pub fn alertron_rows_of(data: *const c_double, rows: usize, width: usize) -> alertron_rows;
}

#[cfg(test)]
mod tests {
    use std::mem::{align_of, size_of, MaybeUninit};
    use std::process::Command;
    use std::{env, fs};

    fn size_behind<T>(_: *const T) -> usize {
        size_of::<T>()
    }

    /// [(a constant expression of C, its value in Rust)]
    macro_rules! layout {
        ($($name:ident { $($field:ident),* })*) => {
            vec![$(
                (concat!("sizeof(", stringify!($name), ")"), size_of::<super::$name>()),
                (concat!("_Alignof(", stringify!($name), ")"), align_of::<super::$name>()),
                $(
                    (concat!("offsetof(", stringify!($name), ", ", stringify!($field), ")"), {
                        let place = MaybeUninit::<super::$name>::uninit();
                        let start = place.as_ptr();
                        unsafe { std::ptr::addr_of!((*start).$field) as usize - start as usize }
                    }),
                    (concat!("sizeof(((", stringify!($name), " *)0)->", stringify!($field), ")"), {
                        let place = MaybeUninit::<super::$name>::uninit();
                        size_behind(unsafe { std::ptr::addr_of!((*place.as_ptr()).$field) })
                    }),
                )*
            )*]
        };
    }

    macro_rules! values {
        ($($name:ident)*) => { vec![$((stringify!($name), super::$name as usize)),*] };
    }

    /// What the C compiler makes of expressions.
    fn in_c(expressions: &[&str]) -> Vec<usize> {
        let folder = env::temp_dir().join(format!("layout-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let source: String = expressions
            .iter()
            .map(|expression| format!("    printf(\"%zu\\n\", (size_t)({expression}));\n"))
            .collect();
        fs::write(
            folder.join("layout.c"),
            format!("#include <alertron.h>\n#include <stdio.h>\nint main(void)\n{{\n{source}}}\n"),
        )
        .unwrap();
        let compiled = Command::new(env::var("CC").unwrap_or_else(|_| "cc".into()))
            .current_dir(&folder)
            .args(env!("ALERTRON_CFLAGS").split_whitespace())
            .args(["-o", "layout", "layout.c"])
            .status()
            .expect("a C compiler");
        assert!(compiled.success());
        let output = Command::new(folder.join("layout")).output().unwrap();
        fs::remove_dir_all(&folder).unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| line.parse().unwrap()).collect()
    }

    #[test]
    fn what_is_declared_here_is_what_the_header_declares() {
        let mut ours = layout! {
            alertron_error { status, offset, text }
            alertron_rows { data, dtype, rows, width, row_stride, column_stride }
        };
        ours.extend(values! {
            ALERTRON_SEVERITY_NONE ALERTRON_SEVERITY_LOW ALERTRON_SEVERITY_MEDIUM ALERTRON_SEVERITY_HIGH
        });
        ours.push((
            "sizeof(alertron_severity)",
            size_of::<super::alertron_severity>(),
        ));
        let expressions: Vec<&str> = ours.iter().map(|(expression, _)| *expression).collect();
        let theirs: Vec<(&str, usize)> = expressions
            .iter()
            .copied()
            .zip(in_c(&expressions))
            .collect();
        assert_eq!(ours, theirs);
    }
}
