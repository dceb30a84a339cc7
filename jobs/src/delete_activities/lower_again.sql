-- $1: objects that are locked because a counter is higher than the run leaves it, $2: the addresses of everybody, if only
-- public replies and quotes count, $3: whether votes in a poll count as replies.
-- Another session may have added a reply since, which counts, or may have written the old counter back, which does not.
-- So the counter is lowered to what the run leaves, but not below the number of existing replies.
with lowered as materialized (
    select o.id, o.data ->> 'id' as ap_id,
           greatest(0, replies_before - replies_lost) as replies_left,
           greatest(0, quotes_before - quotes_lost) as quotes_left,
           case when jsonb_typeof(o.data -> 'repliesCount') = 'number'
                then (o.data ->> 'repliesCount')::numeric end as replies_now,
           case when jsonb_typeof(o.data -> 'quotesCount') = 'number'
                then (o.data ->> 'quotesCount')::numeric end as quotes_now
    from unnest($1::bigint[]) as given (object),
         lateral (select * from ostrakon.lowered_counters
                  where object = given.object and run_id = current_setting('ostrakon.run_id') offset 0) as lowered
    join public.objects o on o.id = lowered.object
), counted as materialized (
    select id,
           case when replies_now > replies_left then greatest(replies_left, least(replies_now, (
               select count(*) from public.objects reply
               where reply.data ->> 'inReplyTo' = ap_id
                 and ($2::text[] is null or reply.data -> 'to' ?| $2 or reply.data -> 'cc' ?| $2
                      or reply.data -> 'bto' ?| $2 or reply.data -> 'bcc' ?| $2)
                 and ($3 or reply.data ->> 'type' is distinct from 'Answer')))) end as replies,
           case when quotes_now > quotes_left then greatest(quotes_left, least(quotes_now, (
               select count(*) from public.objects quote
               where quote.data -> 'quoteUrl' = to_jsonb(ap_id)
                 and ($2::text[] is null or quote.data -> 'to' ?| $2 or quote.data -> 'cc' ?| $2
                      or quote.data -> 'bto' ?| $2 or quote.data -> 'bcc' ?| $2)))) end as quotes
    from lowered
)
update public.objects o
set data = o.data
    || case when counted.replies is null then '{}' else jsonb_build_object('repliesCount', counted.replies) end
    || case when counted.quotes is null then '{}' else jsonb_build_object('quotesCount', counted.quotes) end
from counted
where o.id = counted.id
  and (o.data -> 'repliesCount' <> to_jsonb(counted.replies) or o.data -> 'quotesCount' <> to_jsonb(counted.quotes))
