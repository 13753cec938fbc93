//! build.rs: asks pkg-config where libalertron is.

use std::process::Command;

fn pkg_config(question: &str) -> String {
    let output = Command::new("pkg-config")
        .args([question, "alertron"])
        .output()
        .expect("pkg-config must be installed");
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        panic!(
            "{why}\nInstall libalertron; PKG_CONFIG_PATH must name the folder of its alertron.pc"
        );
    }
    String::from_utf8(output.stdout).expect("a path that is not UTF-8")
}

fn main() {
    println!("cargo:rerun-if-env-changed=PKG_CONFIG_PATH");
    for flag in pkg_config("--libs").split_whitespace() {
        if let Some(folder) = flag.strip_prefix("-L") {
            println!("cargo:rustc-link-search=native={folder}");
        } else if let Some(library) = flag.strip_prefix("-l") {
            println!("cargo:rustc-link-lib={library}");
        }
    }
    // For the test of ffi.rs.
    println!(
        "cargo:rustc-env=ALERTRON_CFLAGS={}",
        pkg_config("--cflags").trim()
    );
}
