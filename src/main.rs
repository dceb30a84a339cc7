//! ostrakon: background jobs for administrators of Pleroma and Akkoma servers.

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(feature = "failpoints")]
    let _armed = ostrakon_engine::failpoint::arm();
    ostrakon::main()
}
