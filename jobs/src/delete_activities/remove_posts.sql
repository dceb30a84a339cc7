-- $1: posts, $2: account, $3 and $4: the run's range, $5: authors, $6: public posts that each of them lost, $7: objects
-- of each that cannot be pinned any more.
-- The first removed post locks the host's row in counter_cache, and no account of the host can post until the commit.
-- So this is one statement, and the last one before the checkpoint. Authors come after posts, which is the server's own
-- order, also when it posts. A session that took the two locks in reverse order would deadlock with an account that
-- posts meanwhile.
with removed as (
    delete from public.activities a where a.id = any ($1) returning a.id, a.actor
), gone as materialized (
    -- Counted only after all posts are removed, and joined with every author.
    select count(*) filter (where actor = $2 and id > $3 and id <= $4) as planned from removed
), written as (
    update public.users u
    set note_count = greatest(0, u.note_count - lost.posts),
        pinned_objects = case when jsonb_typeof(u.pinned_objects) = 'object' then u.pinned_objects - lost.objects
                              else u.pinned_objects end,
        -- As on the server, only a lost pin changes updated_at.
        updated_at = case when u.pinned_objects ?| lost.objects then date_trunc('second', timezone('UTC', now()))
                          else u.updated_at end
    from gone,
         (select author, posts, array(select jsonb_array_elements_text(objects)) as objects
          from unnest($5::text[], $6::int[], $7::jsonb[]) as lost (author, posts, objects)) as lost
    where gone.planned >= 0 and u.ap_id = lost.author and (lost.posts > 0 or u.pinned_objects ?| lost.objects)
    returning u.ap_id
)
select planned as removed, exists (select from written where ap_id = $2) as account from gone
