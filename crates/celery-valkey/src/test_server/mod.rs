//! A `redis-server` of the test's own, on a free port, for the tests of the drivers.

mod certificates;
mod sentinel;
mod server;

pub use certificates::Certificates;
pub use sentinel::Sentinel;
pub use server::Server;
