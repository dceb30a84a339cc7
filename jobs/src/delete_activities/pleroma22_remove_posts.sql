-- As remove_posts.sql, for the release that keeps pins as an array; $7: activities of each author that cannot be
-- pinned any more.
with removed as (
    delete from public.activities a where a.id = any ($1) returning a.id, a.actor
), gone as materialized (
    -- Counted only after all posts are removed, and joined with every author.
    select count(*) filter (where actor = $2 and id > $3 and id <= $4) as planned from removed
), written as (
    update public.users u
    set note_count = greatest(0, u.note_count - lost.posts),
        pinned_activities = array(
            select pin from unnest(u.pinned_activities) with ordinality as pins (pin, n)
            where pin <> all (lost.activities) order by n),
        -- As on the server, only a lost pin changes updated_at.
        updated_at = case when u.pinned_activities && lost.activities then date_trunc('second', timezone('UTC', now()))
                          else u.updated_at end
    from gone,
         (select author, posts, array(select jsonb_array_elements_text(activities)) as activities
          from unnest($5::text[], $6::int[], $7::jsonb[]) as lost (author, posts, activities)) as lost
    where gone.planned >= 0 and u.ap_id = lost.author and (lost.posts > 0 or u.pinned_activities && lost.activities)
    returning u.ap_id
)
select planned as removed, exists (select from written where ap_id = $2) as account from gone
