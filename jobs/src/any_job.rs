//! One type for all jobs. Their list is in `lib.rs`.

use ostrakon_engine::Unreadable;

/// Reason why a stored run is not a job of this program.
#[derive(Debug, thiserror::Error)]
pub enum UnknownJob {
    /// No job has this name.
    #[error("this version of ostrakon knows no job {0:?}")]
    Name(String),
    /// The payload does not match the job.
    #[error("the payload of {job} cannot be read: {error}")]
    Payload {
        /// Name of the job.
        job: &'static str,
        /// What is wrong with the payload.
        error: Unreadable,
    },
    /// The cursor does not match the job.
    #[error("the cursor of {job} cannot be read: {error}")]
    Cursor {
        /// Name of the job.
        job: &'static str,
        /// What is wrong with the cursor.
        error: Unreadable,
    },
}

/// Builds an enum of all jobs that forwards each call to its variant.
macro_rules! jobs {
    ($($job:ident),+ $(,)?) => {
        use ostrakon_engine::{
            Class, Driver, Ended, Job, JobError, PlanSummary, Progress, Table, drive,
            ledger::{Claim, Run},
            read,
        };
        use ostrakon_server::Server;
        use serde_json::Value;
        use sqlx::PgConnection;
        use tokio::sync::watch;

        /// Any of the jobs.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum AnyJob {
            $(#[doc = concat!("[`", stringify!($job), "`](crate::", stringify!($job), ")")] $job($job),)+
        }

        $(impl From<$job> for AnyJob {
            fn from(job: $job) -> Self {
                Self::$job(job)
            }
        })+

        impl AnyJob {
            /// Names of all jobs.
            pub const NAMES: &'static [&'static str] = &[$($job::NAME),+];

            /// Reads the job of a run, unless a newer version wrote it in a form that this version
            /// does not fully understand.
            pub fn of(run: &Run) -> Result<Self, UnknownJob> {
                let job = Self::decode(&run.job, &run.payload)?;
                if let Some(cursor) = &run.cursor {
                    job.check_cursor(cursor)?;
                }
                Ok(job)
            }

            /// Reads a job from its name and payload.
            pub fn decode(name: &str, payload: &Value) -> Result<Self, UnknownJob> {
                $(if name == $job::NAME {
                    return read(payload)
                        .map(Self::$job)
                        .map_err(|error| UnknownJob::Payload { job: $job::NAME, error });
                })+
                Err(UnknownJob::Name(name.to_owned()))
            }

            /// Reads a stored cursor, and returns it as this version writes it.
            pub fn check_cursor(&self, cursor: &Value) -> Result<Value, UnknownJob> {
                let written = match self {
                    $(Self::$job(_) => read::<<$job as Job>::Cursor>(cursor)
                        .and_then(|cursor| Ok(serde_json::to_value(cursor)?)),)+
                };
                written.map_err(|error| UnknownJob::Cursor { job: self.name(), error })
            }

            /// Payload of the job as JSON.
            pub fn payload(&self) -> Result<Value, serde_json::Error> {
                match self { $(Self::$job(job) => serde_json::to_value(job),)+ }
            }

            /// Name of the job ([`Job::NAME`]).
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$job(_) => $job::NAME,)+ }
            }

            /// Class of the job ([`Job::CLASS`]).
            pub const fn class(&self) -> Class {
                match self { $(Self::$job(_) => $job::CLASS,)+ }
            }

            /// Whether the job is heavy ([`Job::HEAVY`]).
            pub const fn is_heavy(&self) -> bool {
                match self { $(Self::$job(_) => $job::HEAVY,)+ }
            }

            /// Subject of the job ([`Job::subject`]).
            pub fn subject(&self) -> &str {
                match self { $(Self::$job(job) => job.subject(),)+ }
            }

            /// Dedupe key of the job ([`Job::dedupe_key`]).
            pub fn dedupe_key(&self) -> String {
                match self { $(Self::$job(job) => job.dedupe_key(),)+ }
            }

            /// Applies the immediate effects of the request ([`Job::on_enqueue`]).
            pub async fn on_enqueue(
                &self,
                db: &mut PgConnection,
                server: &Server,
            ) -> Result<(), JobError> {
                match self { $(Self::$job(job) => job.on_enqueue(db, server).await,)+ }
            }

            /// Counts what the job will touch ([`Job::plan`]).
            pub async fn plan(
                &self,
                db: &mut PgConnection,
                server: &Server,
            ) -> Result<PlanSummary, JobError> {
                let summary = match self {
                    $(Self::$job(job) => {
                        let mut state = <$job as Job>::ClaimState::default();
                        job.plan(db, server, &mut state).await?.summary()
                    })+
                };
                summary.map_err(|error| JobError::Fail(error.into()))
            }

            /// Tables that the job changes ([`Job::TABLES`]).
            pub const fn tables(&self) -> &'static [Table] {
                match self { $(Self::$job(_) => $job::TABLES,)+ }
            }

            /// Drives a run of the job ([`drive`]).
            pub async fn drive(
                &self,
                driver: &Driver,
                server: &Server,
                claim: &Claim,
                progress: &watch::Sender<Progress>,
            ) -> Ended {
                match self { $(Self::$job(job) => drive(driver, server, job, claim, progress).await,)+ }
            }
        }
    };
}

pub(crate) use jobs;
