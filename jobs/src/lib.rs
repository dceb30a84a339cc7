//! What a kenoma job is, and one folder per job.
pub mod engine;
