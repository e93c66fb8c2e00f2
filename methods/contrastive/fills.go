package contrastive

import (
	"selfsup/methods"
	"selfsup/setting"
)

// whileBankFills holds what is trained below scopes during the first epoch, in which a bank gets the embeddings of all
// samples in place of random rows.
func whileBankFills(scopes ...string) (held []methods.Tune) {
	for _, s := range append(scopes, methods.Backbone) {
		held = append(held, methods.Tune{Scope: s, Hold: methods.During(setting.Epochs(1))})
	}
	return held
}
