-- The accounts that match all selectors that are given. Those of the server itself are never among them; staff are
-- marked. $1: local or remote; $2 and $3: created from, and before; $4: unconfirmed, $5: unapproved, $6: never posted,
-- $7: without followers; $8: neither used nor posting since; $9: patterns of the part of the nickname before the @,
-- $10: of the whole nickname; $11: hosts, $12: ends of the hosts of their sub-domains; $13: domains of addresses,
-- $14: ends of their sub-domains; $15: any of these in the bio; $16: in the reason; $17: ids; $18: followed by no local
-- account; $19: any of these in a post.
--
-- Some releases store no time of the last use or post: a name that `users` does not have is that of the row beside
-- it. What reads other tables is asked of each candidate for itself, by an index: a join would read these tables whole.
with candidates as materialized (
    select matching.*
    from (select null::timestamp as last_active_at, null::timestamp as last_status_at) as absent
    cross join lateral (
        select u.id, u.nickname::text as nickname, u.ap_id, u.local, u.is_admin or u.is_moderator as staff,
               is_active as active, is_confirmed as confirmed, is_approved as approved,
               u.note_count as posts, u.follower_count as followers,
               u.inserted_at at time zone 'UTC' as created_at
        from public.users u
        where u.nickname is not null
          and not (u.local and (u.invisible or u.nickname::text like 'internal.%'))
          and ($1::boolean is null or u.local = $1)
          and ($2::timestamp is null or u.inserted_at >= $2)
          and ($3::timestamp is null or u.inserted_at < $3)
          and (not $4 or (u.local and not is_confirmed))
          and (not $5 or (u.local and not is_approved))
          and (not $6 or (u.note_count <= 0 and last_status_at is null))
          and (not $7 or u.follower_count <= 0)
          and ($8::timestamp is null or coalesce(greatest(last_active_at, last_status_at), u.inserted_at) < $8)
          and (($9::text[] is null and $10::text[] is null)
               or split_part(u.nickname::text, '@', 1) ilike any ($9)
               or u.nickname::text ilike any ($10))
          and ($11::text[] is null
               or lower(substring(u.nickname::text from '@([^@]+)$')) = any ($11)
               or lower(substring(u.nickname::text from '@([^@]+)$')) like any ($12::text[]))
          and ($13::text[] is null
               or (u.local and (lower(substring(u.email::text from '@([^@]+)$')) = any ($13)
                                or lower(substring(u.email::text from '@([^@]+)$')) like any ($14::text[]))))
          and ($15::text[] is null
               or (select bool_or(strpos(lower(u.bio), lower(part)) > 0
                                  or strpos(lower(coalesce(u.raw_bio, '')), lower(part)) > 0)
                   from unnest($15) as part))
          and ($16::text is null
               or (u.local and strpos(lower(coalesce(u.registration_reason, '')), lower($16)) > 0))
          and ($17::uuid[] is null or u.id = any ($17))
    ) as matching
)
select c.id, c.nickname, c.ap_id, c.local, c.staff, c.active, c.confirmed, c.approved, c.posts, c.followers, c.created_at
from candidates c
where (not $6
       or (select true from public.activities a
           where a.actor = c.ap_id and a.data ->> 'type' = 'Create'
           order by a.id desc nulls last limit 1) is null)
  and (not $7
       or (select true from public.following_relationships r
           where r.following_id = c.id and r.state = 2 limit 1) is null)
  and (not $18
       or (select true from public.following_relationships r
           where r.following_id = c.id and r.state = 2
             and (select f.local from public.users f where f.id = r.follower_id) limit 1) is null)
  and ($19::text[] is null
       or (select true from public.activities a
           where a.actor = c.ap_id and a.data ->> 'type' = 'Create'
             and (select bool_or(strpos(lower(coalesce(o.data ->> 'content', '')), lower(part)) > 0
                                 or strpos(lower(coalesce(o.data ->> 'summary', '')), lower(part)) > 0)
                  from public.objects o, unnest($19) as part
                  where o.data ->> 'id' = public.associated_object_id(a.data))
           order by a.id desc nulls last limit 1))
order by lower(c.nickname) collate "C", c.id
