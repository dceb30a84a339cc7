//! Faults of a connection string. Messages quote none of it: any word may be part of a password.

use std::fmt;

/// Example of a connection string.
const EXAMPLE: &str = "it looks like postgres://USER:PASSWORD@HOST:PORT/NAME, \
                       postgres://USER@/NAME?host=/run/postgresql or \"host=HOST user=USER dbname=NAME\"";

/// How to encode characters that are reserved in a URL.
pub(in crate::settings) const ENCODE: &str = "in a user, password or name write @ as %40, : as %3A, \
                       / as %2F, ? as %3F, # as %23, & as %26, = as %3D and % as %25";

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The string is empty.
    Empty,
    /// The URL has another scheme.
    Scheme,
    /// An `@`, or text at the position of a host or port, must be percent-encoded.
    Unencoded,
    /// A `%` is not followed by two hexadecimal digits, or the bytes are not text.
    Percent,
    /// An IPv6 address lacks its closing bracket, or has trailing text.
    Brackets,
    /// A parameter has no `=`.
    NoValue,
    /// A parameter has two `=`.
    TwoValues,
    /// A quoted value is not closed.
    Quote,
    /// libpq does not know the parameter.
    Unknown {
        /// Name of the parameter, unless it may be part of a password.
        name: Option<String>,
        /// Parameter that was probably meant.
        meant: Option<&'static str>,
    },
    /// ostrakon does not support this parameter of libpq.
    Unsupported(&'static str),
    /// The value of a parameter is not accepted.
    Value {
        /// Name of the parameter.
        name: &'static str,
        /// Accepted values.
        accepts: String,
    },
    /// The lists of hosts, addresses and ports have different lengths.
    Lengths,
    /// The text cannot be a host.
    Host,
}

impl Fault {
    /// Adds the environment variable that a parameter came from.
    pub(super) fn of(self, variable: Option<&'static str>) -> String {
        match variable {
            Some(variable) => format!("{self} (it comes from the environment variable {variable})"),
            None => self.to_string(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "it is empty; {EXAMPLE}"),
            Self::Scheme => write!(f, "it is a URL of something else; {EXAMPLE}"),
            Self::Unencoded => {
                write!(
                    f,
                    "the user or password, or something behind them, is not percent-encoded; {ENCODE}"
                )
            }
            Self::Host => write!(
                f,
                "the host is no name, no address and no folder of a socket; if it is part of a password, {ENCODE}"
            ),
            Self::Percent => {
                write!(f, "a % is not followed by two hexadecimal digits of UTF-8 text; {ENCODE}")
            }
            Self::Brackets => f.write_str(
                "an IPv6 address stands between [ and ], and only a port, / or ? may follow it",
            ),
            Self::NoValue => write!(f, "a parameter has no value; {EXAMPLE}; {ENCODE}"),
            Self::TwoValues => write!(f, "a parameter has two \"=\"; {ENCODE}"),
            Self::Quote => f.write_str("a value that begins with ' does not end with one"),
            Self::Unknown { name, meant } => {
                match name {
                    Some(name) => write!(f, "it has the unknown parameter {name}")?,
                    None => f.write_str("it has an unknown parameter")?,
                }
                match meant {
                    Some(meant) => write!(f, "; did you mean {meant}?")?,
                    None => f.write_str("; the parameters are those of libpq.")?,
                }
                if name.is_none() {
                    write!(f, " If it is part of a password, {ENCODE}")
                } else {
                    Ok(())
                }
            }
            Self::Unsupported(name) => write!(
                f,
                "ostrakon cannot do what the parameter {name} demands, and does not connect without it; leave it out if you can do without"
            ),
            Self::Value { name, accepts } => write!(f, "{name} must be {accepts}"),
            Self::Lengths => f.write_str(
                "there must be one port, or as many as hosts, and as many hostaddr as hosts",
            ),
        }
    }
}
