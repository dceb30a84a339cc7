//! Test kit of ostrakon: private PostgreSQL and Redis servers, a network between them that can
//! fail, the database schemas of the three server flavours, recorded transitions of the real
//! programs with a comparison, builders that fill a database with accounts and posts, a stand-in for
//! the running server, and the built program.

pub mod build;
mod clock;
mod community;
mod compare;
pub mod console;
mod database;
mod flake;
mod flavour;
pub mod named_database;
mod oban_player;
pub mod process;
mod program;
mod release;
mod servers;
mod settings;
mod sql;
mod standin;
mod state;
mod tables;
mod transition;
pub mod worker;
mod world;

pub use clock::Clock;
pub use community::Community;
pub use compare::{Difference, Kind, compare, decoded_mail};
pub use database::{Database, fingerprint};
pub use flake::{flake_id, flake_text};
pub use flavour::Flavour;
pub use oban_player::{ObanPlayer, Played};
pub use program::{Done, Ostrakon};
pub use release::{Release, SchemaSource};
pub use servers::{
    Certificates, Link, PgBouncer, Postgres, PostgresOptions, Proxy, Redis, RedisOptions, Server,
    postgres, postgres_folder, redis, redis_program,
};
pub use settings::default_settings;
pub use sql::put_together;
pub use standin::{AtWork, Outcomes, StandIn};
pub use state::{State, snapshot};
pub use tables::Tables;
pub use transition::{Step, Transition};
pub use world::{Account, BASE, Draft, PUBLIC, Post, World};
