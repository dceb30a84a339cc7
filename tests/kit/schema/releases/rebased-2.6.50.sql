-- From Pleroma 2.6 to Rebased 2.6.50, its descendant. Made from the catalogue of a database that the release's own
-- migrations made.

alter type notification_type add value 'pleroma:participation_accepted';
alter type notification_type add value 'pleroma:participation_request';
alter type notification_type add value 'pleroma:event_reminder';
alter type notification_type add value 'pleroma:event_update';
alter table users add column accepts_email_list boolean default false;
alter table users add column location character varying(255);
alter table users add column last_move_at timestamp(0) without time zone;
create table webhooks (
    id bigserial,
    url character varying(255) not null,
    events character varying(255)[] default ARRAY[]::character varying[] not null,
    secret character varying(255) default ''::character varying not null,
    enabled boolean default true not null,
    inserted_at timestamp(0) without time zone not null,
    updated_at timestamp(0) without time zone not null,
    internal boolean default false not null
);
alter table webhooks add constraint "webhooks_pkey" primary key (id);
create index activities_assigned_account_index on activities using btree (((data ->> 'assigned_account'::text)));
create index objects_events on objects using btree (((data ->> 'type'::text))) where ((data ->> 'type'::text) = 'Event'::text);
create unique index webhooks_url_index on webhooks using btree (url);

insert into schema_migrations (version, inserted_at) values
    (20220624104914, now()), (20220927220033, now()), (20221029171353, now()), (20221207235104, now());
