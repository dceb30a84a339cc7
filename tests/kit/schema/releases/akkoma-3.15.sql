-- From Akkoma 3.16 back to 3.15 (2025.03). Reconstructed from the list of migrations; no server of this release was seen.

alter table users add column accepts_chat_messages boolean;

delete from schema_migrations where version > 20250302113138;
