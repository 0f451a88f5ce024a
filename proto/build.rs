//! Compiles every `.proto` file under `proto/` with protox, so that no protoc is needed.

use prost::Message;
use std::{
    env,
    error::Error,
    fs, io,
    path::{Path, PathBuf},
};

const ROOT: &str = "proto";
/// The packages whose descriptors clients may see by reflection; what nodes say to each other stays private.
const CLIENT_PACKAGE: &str = "quorate.v1";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={ROOT}");
    let mut files = Vec::new();
    find(Path::new(ROOT), &mut files)?;
    files.sort();
    let descriptors = protox::compile(&files, [ROOT])?;

    let grpc = env::var_os("CARGO_FEATURE_GRPC").is_some();
    tonic_prost_build::configure()
        .build_client(grpc)
        .build_server(grpc)
        .build_transport(false)
        .bytes(".")
        .compile_fds(descriptors.clone())?;

    let mut public = descriptors;
    public.file.retain(|file| file.package() == CLIENT_PACKAGE || file.package().starts_with("google."));
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("client_descriptors.bin"), public.encode_to_vec())?;
    Ok(())
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    Ok(())
}
