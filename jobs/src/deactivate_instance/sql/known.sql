-- Whether any account of a host is known. $1, $2: host; $3: whether to include sub-domains.
select exists (
    select from public.users
    where lower(right(nickname::text, length($1) + 1)) = '@' || $1
       or lower(right(nickname::text, length($2) + 1)) = '@' || $2
       or $3 and position('@' in nickname::text) > 0
          and (lower(right(nickname::text, length($1) + 1)) = '.' || $1
               or lower(right(nickname::text, length($2) + 1)) = '.' || $2))
