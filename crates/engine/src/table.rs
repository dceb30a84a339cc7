//! Tables that a job writes to.

/// A table that a job writes to.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// Name with its schema.
    pub name: &'static str,
    /// Statement that analyzes the table.
    pub analyze: &'static str,
}

/// Lists tables by name, each with its statement as a constant.
#[macro_export]
macro_rules! tables {
    ($($name:literal),* $(,)?) => {
        &[$($crate::Table { name: $name, analyze: concat!("analyze ", $name) }),*]
    };
}
