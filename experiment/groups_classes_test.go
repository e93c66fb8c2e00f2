package experiment_test

import (
	"strings"
	"testing"
)

// A group of classes that are not there is refused before the training.
func TestGroupsOfUnknownClasses(t *testing.T) {
	_, err := train(t, load(t, small, `evaluate.groups.of=["Bag, Hat"]`), nil)
	if err == nil || !strings.Contains(err.Error(), `evaluate.groups.of`) || !strings.Contains(err.Error(),
		`"Hat" is no class; want some of T-shirt/top, Trouser`) {
		t.Errorf("got %v", err)
	}
}
