-- What the recount needs to know afterwards: schema `before`, which ostrakon does not read.
create schema before;

-- Activities of the account, and their objects.
create table before.own as
select a.id, a.data ->> 'id' as ap_id, a.data ->> 'type' as type, a.data ->> 'object' as object
from public.activities a
join public.users u on u.ap_id = a.actor
where u.nickname = 'prolific' and a.data ->> 'type' in ('Create', 'Like', 'Announce');
create index on before.own (object);

-- Objects of others that lose a like, a boost, a reply or a quote.
create table before.concerned as
select distinct object as ap_id from before.own where type <> 'Create'
union
select coalesce(o.data ->> 'inReplyTo', '') from public.objects o
where o.data ->> 'id' in (select object from before.own where type = 'Create')
union
select coalesce(o.data ->> 'quoteUrl', '') from public.objects o
where o.data ->> 'id' in (select object from before.own where type = 'Create');

-- A digest of every row, by id. Rows excluded below may change; all others must not.
create table before.activities as
select a.id, md5(a::text) as digest from public.activities a
where a.id not in (select id from before.own)
  and coalesce(a.data ->> 'object', '') not in (select object from before.own where type = 'Create');
create table before.objects as
select o.id, md5(o::text) as digest from public.objects o
where o.data ->> 'id' not in (select object from before.own where type = 'Create')
  and o.data ->> 'id' not in (select ap_id from before.concerned);
create table before.users as
select u.id, md5(u::text) as digest from public.users u
where u.nickname <> 'prolific' and u.nickname::text not like '%@spam.example'
  and not exists (select from public.following_relationships r join public.users s
                  on s.id in (r.follower_id, r.following_id)
                  where u.id in (r.follower_id, r.following_id) and s.nickname::text like '%@spam.example');
create table before.relations as
select r.id, md5(r::text) as digest from public.following_relationships r
join public.users f on f.id = r.follower_id
where f.nickname::text not like '%@spam.example';
create table before.notifications as
select n.id, md5(n::text) as digest from public.notifications n
where n.activity_id in (select id from before.activities);
create table before.bookmarks as
select b.id, md5(b::text) as digest from public.bookmarks b
where b.activity_id in (select id from before.activities);
analyze before.own, before.concerned, before.activities, before.objects, before.users, before.relations, before.notifications,
    before.bookmarks;
