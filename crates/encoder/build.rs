//! Compiles the kernels: for a GPU with the feature `cuda`, for this machine's CPU with `host-kernels`, else nothing.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=kernels");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    if std::env::var_os("CARGO_FEATURE_CUDA").is_some() {
        compile_for_gpu(&out);
    }
    if std::env::var_os("CARGO_FEATURE_HOST_KERNELS").is_some() {
        compile_for_cpu(&out);
    }
}

/// `bert.ptx`: for compute capability 8.0, which the driver translates for the device that it finds.
fn compile_for_gpu(out: &Path) {
    for name in ["NVCC", "REAL_NVCC", "CUDA_HOME"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    let nvcc = match (std::env::var_os("NVCC"), std::env::var_os("CUDA_HOME")) {
        (Some(nvcc), _) => PathBuf::from(nvcc),
        (None, Some(home)) => Path::new(&home).join("bin/nvcc"),
        (None, None) => PathBuf::from("nvcc"),
    };
    let mut command = Command::new(&nvcc);
    command.args(["--ptx", "-arch=compute_80", "-std=c++17", "-O3", "--output-directory"]).arg(out);
    run(command.arg("kernels/bert.cu"), "set NVCC or CUDA_HOME, or build with scripts/build-cuda");
}

/// `libhost_kernels.a`: the same kernels as functions that run a thread of the GPU after the other.
fn compile_for_cpu(out: &Path) {
    let compiler = std::env::var_os("CXX").unwrap_or_else(|| "c++".into());
    let object = out.join("launch.o");
    let mut command = Command::new(compiler);
    command.args(["-std=c++20", "-O2", "-fPIC", "-Wall", "-Wextra", "-Wno-unknown-pragmas", "-Werror", "-c"]);
    run(command.arg("kernels/host/launch.cpp").arg("-o").arg(&object), "install a C++ compiler");
    let archive = out.join("libhost_kernels.a");
    run(Command::new("ar").arg("crs").arg(archive).arg(object), "install binutils");
    println!("cargo:rustc-link-search=native={}", out.display());
    println!("cargo:rustc-link-lib=static=host_kernels");
    println!("cargo:rustc-link-lib=stdc++");
}

fn run(command: &mut Command, advice: &str) {
    match command.status() {
        Ok(status) if status.success() => {}
        Ok(status) => panic!("{command:?}: {status}"),
        Err(error) => panic!("{command:?}: {error}; {advice}"),
    }
}
