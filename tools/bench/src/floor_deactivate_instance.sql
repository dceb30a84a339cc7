-- The floor: the cost of deactivating the accounts of a host in bare SQL. Batches have 250 accounts
-- and one commit each. The counters of the accounts that followed them, or that they followed, are
-- counted once at the end.
create procedure floor_deactivate_instance(at_host text, inout batches int, inout statements int, inout longest_ms float)
language plpgsql as $$
declare
    accounts uuid[];
    chunk uuid[];
    unfollowed uuid[] := '{}';
    followers uuid[] := '{}';
    begun timestamptz; moment timestamp;
begin
    select array_agg(id order by id) into accounts
    from users where is_active and lower(substring(nickname::text from '@([^@]+)$')) = at_host;
    for start in 1 .. coalesce(cardinality(accounts), 0) by 250 loop
        begun := clock_timestamp();
        moment := date_trunc('second', timezone('UTC', begun));
        chunk := accounts[start : start + 249];
        update users set is_active = false, updated_at = moment where id = any (chunk);
        followers := array(
            select unnest(followers) union
            select u.id from following_relationships r join users u on u.id = r.follower_id
            where r.following_id = any (chunk) and r.state = 2 and u.local);
        with gone as (
            delete from following_relationships r using users u
            where r.follower_id = any (chunk) and r.state = 2 and u.id = r.following_id and u.local and u.is_active
            returning r.following_id
        )
        select array(select unnest(unfollowed) union select following_id from gone) into unfollowed;
        commit;
        batches := batches + 1;
        statements := statements + 4;
        longest_ms := greatest(longest_ms, extract(epoch from clock_timestamp() - begun) * 1000);
    end loop;
    begun := clock_timestamp();
    moment := date_trunc('second', timezone('UTC', begun));
    update users u set following_count = counted.n, updated_at = moment
    from (select f.id, (select count(*) from following_relationships r join users t on t.id = r.following_id
                        where r.follower_id = f.id and r.state = 2 and t.is_active and t.id <> f.id) as n
          from unnest(followers) as f (id)) as counted
    where u.id = counted.id and u.following_count <> counted.n;
    update users u set follower_count = counted.n, updated_at = moment
    from (select f.id, (select count(*) from following_relationships r join users t on t.id = r.follower_id
                        where r.following_id = f.id and r.state = 2 and t.is_active and t.id <> f.id) as n
          from unnest(unfollowed) as f (id)) as counted
    where u.id = counted.id and u.local and u.follower_count <> counted.n;
    commit;
    batches := batches + 1;
    statements := statements + 2;
    longest_ms := greatest(longest_ms, extract(epoch from clock_timestamp() - begun) * 1000);
end
$$;
